"""Published networks: where their files are, and how to tell that one is whole and true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from worker.networks.adding import Pooling

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
TENSORFLOW = "https://storage.googleapis.com/download.tensorflow.org/"
VLFEAT = "https://www.vlfeat.org/matconvnet/models/"


@dataclass(frozen=True)
class Remote:
    """A file somewhere else."""

    #: Its addresses; the next one is for when the one before does not answer.
    urls: tuple[str, ...]
    #: The algorithm that its publisher uses, and the hexadecimal digests of the editions that are good.
    algorithm: str
    digests: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return self.urls[0].rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Member:
    """A file inside of an archive."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Published:
    """A published network."""

    file: Remote
    #: What is to be downloaded, in millions of bytes.
    megabytes: int
    licence: str
    #: The network inside, where the file is a zip archive, and its classes' names, one a line.
    member: Member | None = None
    labels: Member | None = None
    #: The classes' names in a file of their own, as Keras has them: {"0": ["n01440764", "tench"], …}.
    class_index: Remote | None = None
    pooling: Pooling = "own"


_CLASS_INDEX = Remote((TENSORFLOW + "data/imagenet_class_index.json",), "md5", ("c2c37ea517e94d9795004a39431a14cb",))

PUBLISHED: Mapping[str, Published] = {
    "inception5h": Published(
        Remote(
            (TENSORFLOW + "models/inception5h.zip",),
            "sha256",
            ("d13569f6a98159de37e92e9c8ec4dae8f674fbf475f69fe6199b514f756d4364",),
        ),
        megabytes=50,
        licence="Apache-2.0",
        member=Member(
            "tensorflow_inception_graph.pb", "a39b08b826c9d5a5532ff424c03a3a11a202967544e389aca4b06c2bd8aef63f"
        ),
        labels=Member(
            "imagenet_comp_graph_label_strings.txt", "da2a31ecfe9f212ae8dd07379b11a74cb2d7a110eba12c5fc8c862a65b8e6606"
        ),
    ),
    "inception_v3": Published(
        Remote(
            (KERAS + "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",),
            "md5",
            ("9a0d58056eeedaa3f26cb7ebd46da564",),
        ),
        megabytes=96,
        licence="Apache-2.0",
        class_index=_CLASS_INDEX,
    ),
    "vgg16": Published(
        Remote(
            (KERAS + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",),
            "md5",
            ("6d6bbae143d832006294945121d1f1fc",),
        ),
        megabytes=59,
        licence="CC-BY-4.0",
    ),
    "vgg19": Published(
        Remote(
            (KERAS + "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",),
            "md5",
            ("253f8cb515780f3b799900260a226db6",),
        ),
        megabytes=80,
        licence="CC-BY-4.0",
    ),
    "vgg19_matconvnet": Published(
        Remote(
            (VLFEAT + "imagenet-vgg-verydeep-19.mat", VLFEAT + "beta16/imagenet-vgg-verydeep-19.mat"),
            "md5",
            ("106118b7cf60435e6d8e04f6a6dc3657", "8ee3263992981a1d26e73b3ca028a123"),
        ),
        megabytes=535,
        licence="CC-BY-4.0",
        pooling="average",
    ),
}
