// Numbers, times and sizes as people read them.

const WHOLE = new Intl.NumberFormat("en");
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export const count = (number) => WHOLE.format(number);

/** "1 job", "1,200 jobs". */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** "45 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  if (seconds < 1) return "under 1 s";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const parts = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  let rest = Math.round(seconds);
  const shown = [];
  for (const [unit, size] of parts) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole || shown.length) shown.push(whole ? `${whole} ${unit}` : "");
    if (shown.length === 2) break;
  }
  return shown.filter(Boolean).join(" ");
}

/** Three significant digits: "0.123", "12.3", "1,230". */
export function amount(number) {
  if (number >= 1000) return WHOLE.format(Math.round(number));
  return Number(number.toPrecision(3)).toString();
}

export function bytes(number) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let power = 0;
  while (number >= 1000 && power < units.length - 1) {
    number /= 1000;
    power += 1;
  }
  return `${power === 0 ? number : Number(number.toPrecision(3))} ${units[power]}`;
}

export const percent = (share) => `${Math.floor(share * 100)} %`;

export const pixels = (width, height) => `${width} × ${height}`;

/** "2 minutes ago", "yesterday". */
export function ago(iso) {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  for (const [unit, size] of [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
  ]) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

export const date = (iso) => DATE.format(new Date(iso));

export const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB");
