/**
 * XEP-0115: Entity Capabilities, and XEP-0390: Entity Capabilities 2.0.
 *
 * The server announces its own capabilities in the stream features of those who have logged in, and
 * learns what its clients can do from the hashes in their presence. Other modules ask with
 * `clientFeatures` and are told with `clientFeaturesKnown`.
 *
 * A client's presence never waits for this: what is unknown is asked in the background. Where the
 * hash is the one shown before, a comparison of strings is all the work.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { type Session, slot } from "../lib/session.ts";
import type { Stanza } from "../lib/stanza.ts";
import { then } from "../lib/later.ts";
import { xml } from "../lib/xml/element.ts";
import { duration, setting, text, wholeNumber } from "../lib/config/setting.ts";
import { DISCO_INFO_NS } from "../lib/formats/disco.ts";
import {
  clientFeatures,
  clientFeaturesKnown,
  discoDescribe,
  discoNodeInfo,
} from "../lib/hooks/disco.ts";
import { presenceChanged } from "../lib/hooks/presence.ts";
import {
  sessionClosed,
  sessionFreeze,
  sessionResumed,
  sessionThaw,
  streamFeatures,
} from "../lib/hooks/streams.ts";
import {
  type Announcement,
  announcementIn,
  Cache,
  CAPS1_NS,
  CAPS2_NS,
  isVerifiable,
  type Known,
  markIn,
  readAnswer,
} from "./caps/learned.ts";
import { OwnCaps } from "./caps/own.ts";

const config = v.strictObject({
  node: setting(
    text("a URI"),
    "urn:uuid:0f1c4f2e-6a0b-4f57-9d53-7b1f0c2a9e64",
    "The URI that stands for this software in the server's own capabilities.",
  ),
  cache: setting(
    wholeNumber(10, 1_000_000),
    1000,
    "Kinds of clients that are remembered; the least recently seen are forgotten first.",
  ),
  timeout: setting(duration("1s", "5m"), "30s", "How long a client may take to tell its features."),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** What a session has announced. */
interface Shown {
  /** See `markIn`. */
  readonly mark: string;
  /** Shared by all sessions that announce the same. */
  readonly known: Known<Session>;
  /** The client's own word, where its hash could not be verified: it counts for nobody else. */
  own: ReadonlySet<string> | undefined;
}

const shownBy = slot<Shown>();

/** What is kept of it over a restart of the server (XEP-0198). */
interface Frozen {
  readonly mark: string;
  readonly announced: Announcement;
  readonly features: readonly string[] | undefined;
  /** They were not verified. */
  readonly own: boolean;
}

function frozen({ mark, known, own }: Shown): Frozen {
  const features = own ?? known.features;
  return {
    mark,
    announced: known.announced,
    features: features && [...features],
    own: own !== undefined,
  };
}

/** Sessions with a query under way: each is asked one thing at a time. */
const isAsked = slot<true>();

export default defineModule({
  name: "caps",
  description: "Entity capabilities: announces the server's, and learns those of clients",
  xeps: { "XEP-0115": "1.6.0", "XEP-0390": "0.3.2" },
  config,
  setup(host) {
    host.feature(CAPS1_NS, CAPS2_NS);
    announceOwn(host);
    const learning = new Learning(host);
    host.on(presenceChanged, (session, presence) => learning.presence(session, presence));
    host.on(sessionClosed, (session) => learning.gone(session));
    host.on(clientFeatures, (session) => featuresOf(session));
    host.on(sessionResumed, (session) => learning.resumed(session));
    host.on(sessionFreeze, (state, session) => {
      const shown = shownBy.get(session);
      if (shown !== undefined) state.caps = frozen(shown);
    });
    host.on(sessionThaw, (session, state) => learning.thaw(session, state.caps as Frozen));
  },
});

function announceOwn(host: Host): void {
  const own = new OwnCaps(host.config.node);
  host.on(streamFeatures, (features, negotiation) => {
    const { account } = negotiation;
    if (account === undefined) return;
    return then(host.ask(discoDescribe, host.jid, account), (info) => {
      if (info !== undefined) features.push(...own.announce(info));
    });
  });
  host.on(discoNodeInfo, (target, node) => {
    if (target.bare === host.domain) return own.find(node);
  });
}

function featuresOf(session: Session): ReadonlySet<string> | undefined {
  const shown = shownBy.get(session);
  return shown?.own ?? shown?.known.features;
}

class Learning {
  readonly #host: Host;
  readonly #cache: Cache<Session>;

  constructor(host: Host) {
    this.#host = host;
    this.#cache = new Cache(host.config.cache);
  }

  presence(session: Session, presence: Stanza): void {
    if (session.presence === undefined) return this.gone(session);
    const mark = markIn(presence);
    // What is left out of a later presence has not changed (XEP-0115 §8.4).
    if (mark === undefined || mark === shownBy.get(session)?.mark) return;
    const announced = announcementIn(presence);
    if (announced === undefined) return;
    this.#forget(session);
    const known = this.#cache.entry(announced);
    shownBy.set(session, { mark, known, own: undefined });
    if (known.features !== undefined) return this.#tell(session, known.features);
    known.waiting.add(session);
    if (known.asked === undefined) this.#ask(known);
  }

  /** It is back after a restart of the server; nobody is told, for it has had what follows. */
  thaw(session: Session, kept: Frozen | undefined): void {
    if (kept === undefined || session.presence === undefined) return;
    const { mark, announced, own } = kept;
    const known = this.#cache.entry(announced);
    const features = kept.features && new Set(kept.features);
    if (!own) known.features ??= features;
    shownBy.set(session, { mark, known, own: own ? features : undefined });
  }

  /** A client that could not answer while it was away is asked again. */
  resumed(session: Session): void {
    const known = shownBy.get(session)?.known;
    if (known === undefined || known.asked !== undefined) return;
    if (featuresOf(session) !== undefined) return;
    known.waiting.add(session);
    this.#ask(known);
  }

  gone(session: Session): void {
    this.#forget(session);
    shownBy.set(session, undefined);
  }

  #forget(session: Session): void {
    shownBy.get(session)?.known.waiting.delete(session);
  }

  /** Asks the next of those who wait for the hash, until one gives an answer that fits. */
  #ask(known: Known<Session>): void {
    for (const session of known.waiting) {
      if (isAsked.get(session) === true) continue;
      known.asked = session;
      isAsked.set(session, true);
      void this.#query(session, known).then((verified) => {
        isAsked.set(session, undefined);
        known.asked = undefined;
        known.waiting.delete(session);
        if (!verified && known.waiting.size > 0) this.#ask(known);
        else if (!verified) this.#cache.drop(known);
        this.#askWhatIsNew(session, known);
      });
      return;
    }
  }

  /** A session that announced something else while it was asked is asked again. */
  #askWhatIsNew(session: Session, before: Known<Session>): void {
    const known = shownBy.get(session)?.known;
    if (known === undefined || known === before) return;
    if (known.features === undefined && known.asked === undefined) this.#ask(known);
  }

  /** True if the answer counts for everybody. */
  async #query(session: Session, known: Known<Session>): Promise<boolean> {
    const { announced } = known;
    try {
      const query = xml("query", DISCO_INFO_NS, { node: announced.node });
      const { timeout } = this.#host.config;
      const answer = await this.#host.request(session.jid, "get", query, timeout);
      const info = answer.child("query", DISCO_INFO_NS);
      if (info === undefined) return false;
      const { features, verified } = readAnswer(info, announced);
      if (verified) {
        this.#learned(known, features);
        return true;
      }
      if (isVerifiable(announced)) {
        this.#host.log.debug("a client's features do not fit its hash", {
          client: session.jid.full,
          node: announced.node,
        });
      }
      this.#own(session, known, features);
    } catch {
      // It has gone, or does not answer: the next one may.
    }
    return false;
  }

  #learned(known: Known<Session>, features: ReadonlySet<string>): void {
    known.features = features;
    const waiting = [...known.waiting];
    known.waiting.clear();
    for (const session of waiting) this.#tell(session, features);
  }

  #own(session: Session, known: Known<Session>, features: ReadonlySet<string>): void {
    const shown = shownBy.get(session);
    if (shown?.known !== known) return;
    shown.own = features;
    this.#tell(session, features);
  }

  #tell(session: Session, features: ReadonlySet<string>): void {
    session.changed();
    void this.#host.tell(clientFeaturesKnown, session, features);
  }
}
