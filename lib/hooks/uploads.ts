/** Hooks about files that accounts have uploaded (XEP-0363); for administration. */

import type { Jid } from "../jid.ts";
import { ask } from "./hook.ts";

export interface Upload {
  readonly id: string;
  /** Bare JID of the account. */
  readonly owner: string;
  readonly name: string;
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  readonly purpose: string;
  /** ms since the epoch. */
  readonly stored: number;
  /** ms since the epoch; undefined for never. */
  readonly expires: number | undefined;
  /** Undefined while nothing serves it. */
  readonly url: string | undefined;
}

export const listUploads = ask<[account: Jid], readonly Upload[]>(
  "upload.list",
  "the files that an account has uploaded, the latest first, 1000 at most",
);

/** Removes a file for good, whoever owns it. */
export const removeUpload = ask<[id: string], boolean>(
  "upload.remove",
  "removes an uploaded file; false if there is none of that id",
);
