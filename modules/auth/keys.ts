/** The SCRAM keys of an account, as its row has them, against those that it should have. */

import {
  decodeKeys,
  type ScramHash,
  scramHashes,
  type ScramKeys,
} from "../../lib/sasl/credentials.ts";

/** The hash by which a password is checked, if the account has keys for it: in this order. */
export const CHECK_ORDER: readonly ScramHash[] = ["SHA-256", "SHA-512", "SHA-1"];

/** One line per hash, as `encodeKeys` writes them. */
export function readKeys(scram: string): ScramKeys[] {
  return scram.split("\n").map(decodeKeys);
}

export function firstOf(
  keys: readonly ScramKeys[],
  order: readonly ScramHash[],
): ScramKeys | undefined {
  for (const hash of order) {
    const found = keys.find((k) => k.hash === hash);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Hashes without keys, or with weak ones: the settings have changed since the password was set. */
export function outdated(
  kept: readonly ScramKeys[],
  hashes: readonly ScramHash[],
  iterations: number,
): ScramHash[] {
  return hashes.filter((hash) => {
    const keys = kept.find((k) => k.hash === hash);
    return keys === undefined || keys.iterations < iterations;
  });
}

/** An offer that no account could take up would make clients that prefer it fail. */
export function withoutUnkept(offered: string[], kept: readonly ScramHash[]): string[] {
  const unkept = scramHashes.filter((hash) => !kept.includes(hash));
  if (unkept.length === 0) return offered;
  return offered.filter((name) =>
    !unkept.some((hash) => name === `SCRAM-${hash}` || name === `SCRAM-${hash}-PLUS`)
  );
}
