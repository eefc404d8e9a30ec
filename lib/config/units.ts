/** Times and sizes as the TOML writes them. */

const TIME: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1 << 10,
  MiB: 1 << 20,
  GiB: 1 << 30,
};

/** Milliseconds of `30` (seconds), `"30s"`, `"500ms"`, `"5m"`, `"2h"`, `"7d"`; else `undefined`. */
export function parseTime(value: unknown): number | undefined {
  if (typeof value === "number") return value >= 0 ? Math.round(value * 1_000) : undefined;
  return scaled(value, TIME);
}

/** Bytes of `262144`, `"256 KiB"` (1024s) or `"256 KB"` (1000s); else `undefined`. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) && value >= 0 ? value : undefined;
  return scaled(value, SIZE);
}

/** The shortest way to write so many bytes, without quotes. */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"]) {
    if (bytes > 0 && bytes % SIZE[unit]! === 0) return `${bytes / SIZE[unit]!} ${unit}`;
  }
  return String(bytes);
}

function scaled(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value !== "string") return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/.exec(value);
  if (match === null || !Object.hasOwn(units, match[2]!)) return undefined;
  return Math.round(Number(match[1]) * units[match[2]!]!);
}
