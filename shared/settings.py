"""Every knob of the farm, in one place. Each is set by an environment variable, `DREAMFARM_` + its name in capitals."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.pictures import Limits

#: What the URLs may begin with.
_SCHEMES = {
    "database_url": ("sqlite", "postgresql", "postgres", "postgresql+psycopg"),
    # Not sentinel: it wants options of its own, and the queue has been tried with one server only.
    "redis_url": ("redis", "rediss", "redis+socket"),
    "blobs_url": ("file", "s3"),
}
#: How the rest of them is spelt: each looks enough like its neighbours that a wrong one would be taken for another place.
_SPELLINGS = {
    "sqlite": (r"sqlite:///[^?#]+(\?.*)?", "sqlite:////folder/farm.db, with four slashes before a folder's full path"),
    "file": (r"file://(localhost)?/[^/?#][^?#]*", "file:///folder, with three slashes; # and ? in it as %23 and %3F"),
    "s3": (r"s3://[^/?#@]+(/[^?#]*)?", "s3://bucket or s3://bucket/prefix"),
    "redis+socket": (r"redis\+socket://[^/]*/.+", "redis+socket:///folder/redis.sock"),
}
#: Up to a day: what is longer is a slip of the pen.
Seconds = Annotated[float, Field(le=86_400.0)]
#: A lease outlives so many heartbeats: one may come late, and one be lost.
_BEATS_IN_A_LEASE = 3


class Settings(BaseSettings):
    """The farm's settings; each line says why the value is what it is."""

    model_config = SettingsConfigDict(env_prefix="DREAMFARM_", extra="ignore", frozen=True, allow_inf_nan=False)

    # Where things are
    data: Path = Field(
        default_factory=lambda: user_data_path("dreamfarm"), description="Folder of everything the farm keeps"
    )
    database_url: str | None = Field(None, description="SQLAlchemy URL; default: SQLite in the data folder")
    redis_url: str | None = Field(None, description="Celery broker URL; default: the embedded server's socket")
    blobs_url: str | None = Field(None, description="file:///folder or s3://bucket/prefix; default: in the data folder")
    s3_endpoint: str | None = Field(None, description="For S3 services other than AWS")
    s3_region: str = "us-east-1"
    host: str = Field("127.0.0.1", description="The API's address; loopback, because one machine needs no more")
    port: int = Field(8560, ge=0, le=65535)
    trusted_proxies: str = Field(
        "127.0.0.1,::1", description="Whose word on HTTPS (X-Forwarded-Proto) is taken: addresses and networks with "
        "commas between, or *. Without a proxy's, its people's session cookie is not kept to HTTPS; anyone else's "
        "would be believed, too"
    )  # fmt: skip
    flower_host: str = Field(
        "127.0.0.1", description="Flower's address; its health and metrics pages answer without a password"
    )
    flower_port: int = Field(8561, ge=0, le=65535)
    flower_password: SecretStr | None = Field(None, description="Flower's; `dreamfarm up` makes one")

    # Slices and leases
    slice_seconds: Seconds = Field(
        30.0, gt=0, description="How long a worker renders before it saves and others may have a turn. Shorter: fairer, "
        "but more time goes into saving. Longer: more is lost with a worker, urgent jobs wait longer"
    )  # fmt: skip
    checkpoint_share: float = Field(
        0.02, gt=0, lt=1, description="A slice is stretched until saving its checkpoint costs at most this share of it"
    )
    lease_seconds: Seconds = Field(
        20.0, gt=1, description="A job whose worker was silent this long goes to another. Shorter than a few heartbeats "
        "would call busy workers dead; longer only delays the recovery"
    )  # fmt: skip
    heartbeat_seconds: float = Field(
        0.5, gt=0, validate_default=True, description="How often a worker asks whether its job was cancelled and tells "
        "its progress; cancelling is promised within two seconds"
    )  # fmt: skip
    sweep_seconds: Seconds = Field(2.0, gt=0, description="How often lost leases and lost messages are looked for")
    message_grace_seconds: Seconds = Field(
        5.0, gt=0, description="A message missing from Redis for this long counts as lost. Shorter would call those lost "
        "that a worker has just taken; longer only delays the recovery"
    )  # fmt: skip
    announce_ahead: int = Field(
        2, ge=0, description="Messages kept waiting beyond the free workers. More of the queue shows in Flower, but a "
        "job of equal priority from someone else waits that many slices longer"
    )  # fmt: skip
    fruitless_attempts: int = Field(
        4, ge=1, description="Attempts without progress before a job fails; a poison job must end"
    )
    retry_seconds: Seconds = Field(2.0, ge=0, description="First back-off after an internal error; doubles each time")

    # The trash
    trash_seconds: float = Field(
        7 * 86_400.0, ge=0, le=1e9, description="How long deleted jobs can be restored before their files and rows "
        "are removed. Shorter frees the disk sooner; a week lets who deletes on a Friday notice on the Monday after"
    )  # fmt: skip
    uploads_seconds: float = Field(
        7 * 86_400.0, ge=7_200, le=1e9, description="How long uploaded pictures that no job begins with are kept after "
        "they were last used, give or take an hour. Jobs in the trash still begin with theirs"
    )  # fmt: skip

    # Limits on what people send
    max_pixels: int = Field(400_000_000, ge=1, description="Per uploaded picture; a bomb of more is refused undecoded")
    max_side: int = Field(50_000, ge=1, description="Per uploaded picture; the header is believed up to here")
    max_output_pixels: int = Field(
        400_000_000,
        ge=1,
        description="Per output; a worker needs some 34 bytes of memory for each pixel, 100 for a style's",
    )
    max_upload_bytes: int = Field(512 * 2**20, ge=1, description="Per uploaded picture")
    max_batch_bytes: int = Field(256 * 2**20, ge=1, description="Per POST of jobs; 100,000 jobs are about 60 MB")

    # Workers
    workers: int = Field(
        0,
        ge=0,
        description="Workers on this machine, which share its cores and memory; 0: one per GPU, or one for the CPU",
    )
    tile: int | None = Field(None, ge=1, description="Largest tile side; default: by the device's free memory")
    threads: int | None = Field(None, ge=1, description="Cores a CPU worker uses; default: its share of all")
    gpus_per_worker: int = Field(1, ge=1, description="GPUs that share each picture; 1 is best for many pictures")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @field_validator("data", mode="before")
    @classmethod
    def _check_folder(cls, folder: object) -> object:
        # A line `DREAMFARM_DATA=` that nobody has filled in would mean wherever each command happens to be started.
        if isinstance(folder, str) and not folder.strip():
            raise ValueError("it is empty; give the folder's full path, or leave the setting out")
        return folder

    @field_validator("data")
    @classmethod
    def _find_folder(cls, folder: Path) -> Path:
        """The same folder for every command and service, wherever it is started and whether a shell saw its `~`."""
        try:
            return folder.expanduser().absolute()
        except RuntimeError:
            raise ValueError(f"nobody's home is known as {folder.parts[0]}; give the folder's full path") from None

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: str) -> str:
        # uvicorn takes what is no address for a name, and then trusts nobody.
        for proxy in [] if proxies.strip() == "*" else proxies.split(","):
            try:
                ip_network(proxy.strip())
            except ValueError as error:
                raise ValueError(f"{error}; give addresses or networks as 10.1.2.3,172.16.0.0/12, or * alone") from None
        return proxies.strip()

    @field_validator("database_url", "redis_url", "blobs_url")
    @classmethod
    def _check_scheme(cls, url: str | None, info: ValidationInfo) -> str | None:
        known = _SCHEMES[str(info.field_name)]
        if url is not None and urlsplit(url).scheme not in known:
            raise ValueError(f"it must start with {', '.join(f'{scheme}://' for scheme in known)}")
        if url is not None:
            scheme = urlsplit(url).scheme
            pattern, right = _SPELLINGS.get(scheme, (f"{re.escape(scheme)}://.*", f"{scheme}://host"))
            if not re.fullmatch(pattern, url, re.IGNORECASE | re.DOTALL):
                raise ValueError(f"it is spelt {right}")
        return url

    @field_validator("s3_endpoint")
    @classmethod
    def _check_endpoint(cls, url: str | None) -> str | None:
        # obstore does not refuse what is none: it panics, which no handler of exceptions expects.
        if url and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url):
            raise ValueError("it is spelt https://host or http://host:port")
        return url or None

    @field_validator("host", "flower_host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        if not host.strip():
            raise ValueError("it is empty; 127.0.0.1 is this machine alone, 0.0.0.0 all of its networks")
        return host.strip()

    @field_validator("flower_password")
    @classmethod
    def _check_password(cls, password: SecretStr | None) -> SecretStr | None:
        # Empty, it would let everybody in; a line `DREAMFARM_FLOWER_PASSWORD=` in a file is one that nobody has filled in.
        return password if password is not None and password.get_secret_value().strip() else None

    @field_validator("heartbeat_seconds")
    @classmethod
    def _check_heartbeat(cls, seconds: float, info: ValidationInfo) -> float:
        lease = info.data.get("lease_seconds")
        if lease is not None and seconds * _BEATS_IN_A_LEASE > lease:
            raise ValueError(
                f"it must be at most a third of DREAMFARM_LEASE_SECONDS ({lease:g}), or busy workers would lose their jobs"
            )
        return seconds

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{quote(str(self.data / 'dreamfarm.db'))}"

    @property
    def blobs(self) -> str:
        """The blob store's URL in force."""
        return self.blobs_url or (self.data / "blobs").as_uri()

    @property
    def broker(self) -> str:
        """The Celery broker's URL in force: the given one, or the one that the embedded server wrote down."""
        if self.redis_url:
            return self.redis_url
        written = self.data / "redis.url"
        return written.read_text().strip() if written.exists() else "redis://127.0.0.1:6379/0"

    @property
    def networks(self) -> Path:
        """Folder of downloaded and registered networks."""
        return self.data / "networks"

    @property
    def limits(self) -> Limits:
        """What an uploaded picture may measure."""
        return Limits(max_pixels=self.max_pixels, max_side=self.max_side, max_bytes=self.max_upload_bytes)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once from the environment."""
    return Settings()
