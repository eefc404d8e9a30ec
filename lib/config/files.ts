/** The files that a configuration names: certificates and keys. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { CertificateFiles } from "./config.ts";
import type { Path, Report } from "./problem.ts";
import { systemError } from "./walk.ts";

interface Pair {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Checks that there are both files or none, and that each holds what it should. Dates, names and
 * whether the key fits are for whoever loads them.
 */
export function certificateFiles(
  { certificate, key }: Pair,
  path: Path,
  report: Report,
): CertificateFiles | undefined {
  if (certificate === undefined && key === undefined) return undefined;
  if (key === undefined) {
    report([...path, "certificate"], 'a certificate needs its "key" in the same table');
    return undefined;
  }
  if (certificate === undefined) {
    report([...path, "key"], 'a key needs its "certificate" in the same table');
    return undefined;
  }
  const chain = pem(certificate, [...path, "certificate"], /-----BEGIN CERTIFICATE-----/, report);
  const secret = pem(key, [...path, "key"], /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/, report);
  if (chain === undefined || secret === undefined) return undefined;
  const digest = createHash("sha256").update(chain).update("\0").update(secret).digest("hex");
  return { certificate, key, digest };
}

/** Checks that a file holds certificates. */
export function checkAuthorities(file: string | undefined, path: Path, report: Report): void {
  if (file !== undefined) pem(file, path, /-----BEGIN CERTIFICATE-----/, report);
}

function pem(file: string, path: Path, block: RegExp, report: Report): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    report(path, `${systemError(error)}: ${file}`);
    return undefined;
  }
  if (block.test(text)) return text;
  const what = block.source.includes("PRIVATE KEY") ? "private key" : "certificate";
  report(path, `there is no PEM ${what} in ${file}`);
  return undefined;
}
