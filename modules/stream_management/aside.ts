/**
 * What a session's gate holds back (`lib/gate.ts`), on its way to the journal: it was not sent to the
 * client yet, and its sender takes it for safe.
 */

import type { Held } from "../../lib/gate.ts";
import type { Session } from "../../lib/session.ts";
import type { Aside } from "./records.ts";
import { flagsOf } from "./texts.ts";

const NOTHING: (Aside | undefined)[] = [];
const NONE_HELD: readonly Held[] = [];

export class Asides {
  /** What the journal does not have; undefined: the gate has let all go. */
  #noted = NOTHING;

  note(held: Held | undefined): void {
    if (this.#noted === NOTHING) this.#noted = [];
    this.#noted.push(held && asideOf(held));
  }

  /** What was noted since the last time, or all that the session's gate holds. */
  take(session: Session, all: boolean): readonly (Aside | undefined)[] {
    const noted = this.#noted;
    this.#noted = NOTHING;
    return all ? Array.from(session.gate?.held() ?? NONE_HELD, asideOf) : noted;
  }
}

function asideOf({ key, stanza, text, since }: Held): Aside {
  return { key, text, stamp: since, flags: flagsOf(stanza, "no") };
}
