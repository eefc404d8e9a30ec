/** What the first bytes of an image tell: its type and its size in pixels. Nothing is decoded. */

import { Buffer } from "node:buffer";

export interface ImageInfo {
  /** Media type. */
  readonly type: string;
  readonly width: number;
  readonly height: number;
}

/** Of PNG, GIF, JPEG and WebP; undefined for anything else, or what breaks off. */
export function imageInfo(data: Uint8Array): ImageInfo | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  try {
    return png(bytes) ?? gif(bytes) ?? jpeg(bytes) ?? webp(bytes);
  } catch (e) {
    if (e instanceof RangeError) return undefined; // it breaks off
    throw e;
  }
}

/** The header chunk comes first. */
function png(b: Buffer): ImageInfo | undefined {
  if (b.toString("latin1", 0, 8) !== "\x89PNG\r\n\x1a\n") return undefined;
  return { type: "image/png", width: b.readUInt32BE(16), height: b.readUInt32BE(20) };
}

function gif(b: Buffer): ImageInfo | undefined {
  if (!/^GIF8[79]a$/.test(b.toString("latin1", 0, 6))) return undefined;
  return { type: "image/gif", width: b.readUInt16LE(6), height: b.readUInt16LE(8) };
}

/** From marker to marker up to a start of frame (SOF0 to SOF15, without DHT, JPG and DAC). */
function jpeg(b: Buffer): ImageInfo | undefined {
  if (b.length < 4 || b.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2;;) {
    if (b.readUInt8(at) !== 0xff) return undefined;
    const marker = b.readUInt8(at + 1);
    if (marker === 0xff) {
      at++; // fill bytes
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      return { type: "image/jpeg", width: b.readUInt16BE(at + 7), height: b.readUInt16BE(at + 5) };
    }
    const length = b.readUInt16BE(at + 2);
    if (length < 2) return undefined;
    at += 2 + length;
  }
}

function webp(b: Buffer): ImageInfo | undefined {
  if (b.toString("latin1", 0, 4) !== "RIFF" || b.toString("latin1", 8, 12) !== "WEBP") {
    return undefined;
  }
  const type = "image/webp";
  switch (b.toString("latin1", 12, 16)) {
    case "VP8 ":
      return { type, width: b.readUInt16LE(26) & 0x3fff, height: b.readUInt16LE(28) & 0x3fff };
    case "VP8L": {
      const bits = b.readUInt32LE(21);
      return { type, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case "VP8X":
      return { type, width: b.readUIntLE(24, 3) + 1, height: b.readUIntLE(27, 3) + 1 };
  }
  return undefined;
}
