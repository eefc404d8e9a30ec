/** Names of files, as they may stand in a URL and in a header. A file on disk never has one. */

/** Bytes of a name in UTF-8. */
const NAME_BYTES = 180;
/** An ending longer than that is none. */
const ENDING_LENGTH = 16;

/** Controls, and what turns text around so that `gpj.exe` reads as `exe.jpg`. */
// deno-lint-ignore no-control-regex
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
/** Devices on Windows, whatever their ending. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** The last part of a path, without what could mean something else than a name. */
export function safeName(given: string): string {
  const last = given.toWellFormed().normalize("NFC").replace(/^.*[/\\]/s, "");
  const clean = last.replace(HIDDEN, "").replace(/[<>:"|?*]/g, "_")
    .replace(/^[\s.]+|[\s.]+$/g, "");
  const name = RESERVED.test(clean) ? `_${clean}` : clean;
  return name === "" ? "file" : shorten(name);
}

/** The ending stays. */
function shorten(name: string): string {
  if (bytesOf(name) <= NAME_BYTES) return name;
  const dot = name.lastIndexOf(".");
  const ending = dot > 0 && name.length - dot <= ENDING_LENGTH ? name.slice(dot) : "";
  const room = NAME_BYTES - bytesOf(ending);
  let stem = "";
  let used = 0;
  for (const c of name.slice(0, name.length - ending.length)) {
    used += bytesOf(c);
    if (used > room) break;
    stem += c;
  }
  return stem + ending;
}

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/** As a part of a path in a URL (RFC 3986 §3.3). */
export function encodeName(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*]/g, hex);
}

function hex(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Content-Disposition (RFC 6266), with the name in ASCII for those who know no other. */
export function disposition(kind: "inline" | "attachment", name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]/g, "_").replace(/["\\%]/g, "_");
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encodeName(name)}`;
}

/** RFC 9110 §8.3.1, without comments and the like. */
const TYPE = /^[A-Za-z0-9!#$&^_.+-]{1,80}\/[A-Za-z0-9!#$&^_.+-]{1,80}(?:\s*;[\x20-\x7e]{0,120})?$/;

/**
 * A content type as it may stand in a header; undefined if it is none. Parameters with a comma are left
 * out: browsers take what stands behind it for another type, which would count.
 */
export function contentType(given: string): string | undefined {
  const trimmed = given.trim();
  if (!TYPE.test(trimmed)) return undefined;
  return trimmed.includes(",") ? trimmed.split(";", 1)[0]!.trim() : trimmed;
}

/** The type without its parameters. */
export function essence(type: string): string {
  return type.split(";", 1)[0]!.trim().toLowerCase();
}

/** What a browser may show by itself: pixels and sound, nothing that could hold a script. */
const SHOWN: ReadonlySet<string> = new Set([
  "image/avif",
  "image/bmp",
  "image/gif",
  "image/heic",
  "image/heif",
  "image/jpeg",
  "image/jxl",
  "image/png",
  "image/webp",
  "audio/aac",
  "audio/flac",
  "audio/mp4",
  "audio/mpeg",
  "audio/ogg",
  "audio/opus",
  "audio/wav",
  "audio/webm",
  "audio/x-m4a",
  "video/mp4",
  "video/mpeg",
  "video/ogg",
  "video/quicktime",
  "video/webm",
]);

export function isShown(type: string): boolean {
  return SHOWN.has(essence(type));
}
