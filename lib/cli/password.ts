/** Passwords for the command line: from a terminal without echo, or the first line of stdin. */

import { UsageError } from "./args.ts";

const MAX_BYTES = 4096;

/** Reads a password; on a terminal it is asked twice. Throws UsageError if there is none. */
export async function readPassword(): Promise<string> {
  if (!Deno.stdin.isTerminal()) return await firstLine();
  const first = await readHidden("Password: ");
  const second = await readHidden("Once more: ");
  if (first !== second) throw new UsageError("the two passwords differ");
  return first;
}

async function firstLine(): Promise<string> {
  const buffer = new Uint8Array(MAX_BYTES);
  let length = 0;
  while (length < buffer.length && !buffer.subarray(0, length).includes(10)) {
    const n = await Deno.stdin.read(buffer.subarray(length));
    if (n === null) break;
    length += n;
  }
  const line = new TextDecoder().decode(buffer.subarray(0, length)).split("\n")[0]!.replace(
    /\r$/,
    "",
  );
  if (line === "") {
    throw new UsageError("no password: use --password, or write it to standard input");
  }
  return line;
}

/** One line from the terminal with the echo off. */
async function readHidden(prompt: string): Promise<string> {
  const out = new TextEncoder();
  await Deno.stderr.write(out.encode(prompt));
  const bytes: number[] = [];
  const buffer = new Uint8Array(64);
  Deno.stdin.setRaw(true);
  try {
    for (;;) {
      const n = await Deno.stdin.read(buffer);
      if (n === null) return text(bytes);
      for (const b of buffer.subarray(0, n)) {
        if (b === 13 || b === 10) return text(bytes);
        if (b === 3) throw new UsageError("interrupted");
        if (b === 127 || b === 8) dropCharacter(bytes);
        else if (bytes.length < MAX_BYTES) bytes.push(b);
      }
    }
  } finally {
    Deno.stdin.setRaw(false);
    await Deno.stderr.write(out.encode("\n"));
  }
}

function text(bytes: readonly number[]): string {
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** Takes back the last character, which may be several bytes of UTF-8. */
function dropCharacter(bytes: number[]): void {
  let last = bytes.pop();
  while (last !== undefined && (last & 0xc0) === 0x80) last = bytes.pop();
}
