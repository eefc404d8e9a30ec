/** How a session came about: by which mechanism, and from which client. */

import { slot } from "../session.ts";

/** What a client says about its installation. Nobody but the account's owner may see it. */
export interface UserAgent {
  /** A UUID that the installation keeps; lower case. */
  readonly id: string | undefined;
  readonly software: string | undefined;
  readonly device: string | undefined;
}

export interface Login {
  /** The SASL mechanism that proved the account. */
  readonly mechanism: string;
  /** Undefined where the client has not told: RFC 6120 has no way to. */
  readonly agent: UserAgent | undefined;
}

/** On a session: its login, the last one if it was resumed. Set once the resource is bound. */
export const loginOf = slot<Login>();
