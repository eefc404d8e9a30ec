/** What a stream is given: somebody who reads it, and the settings of its kind. */

import type { Later } from "../later.ts";
import type { Element } from "../xml/element.ts";
import type { StreamHeader, XmlLimits } from "../xml/parser.ts";
import type { Flusher } from "../net/flush.ts";
import type { Deadlines } from "../deadlines.ts";
import type { LogArea } from "../log.ts";
import type { RateLimit } from "./rate.ts";
import type { XmppStream } from "./stream.ts";

/**
 * How a stream has ended: `closed` by the other side in good order, `failed` by an error or a decision
 * of ours, `lost` with its connection, or because nothing gets through any more.
 */
export type StreamEnd = "closed" | "failed" | "lost";

/** Who reads a stream at the moment. A promise makes this stream alone wait. */
export interface StreamReader {
  /** A stream header came (again after a restart). Throw `StreamError` to refuse. */
  onHeader(stream: XmppStream, header: StreamHeader): Later<void>;
  /** A complete element came. Throw `StreamError` to end the stream. */
  onElement(stream: XmppStream, element: Element): Later<void>;
  /** The stream is over. `reason` is for logs; undefined after an orderly close. */
  onClosed(stream: XmppStream, reason: string | undefined, end: StreamEnd): void;
  /**
   * Our side is about to close: the last moment to say something. A promise makes the answer to the
   * other side's `</stream:stream>` wait; in all other cases there is no time.
   */
  onClosing?(stream: XmppStream): Later<void>;
  /** TLS, begun by `stream.startTls`, is established. */
  onSecure?(stream: XmppStream): void;
  /** Elements that came before the connection was lost are still handled, while there is time. */
  readonly finishes?: boolean;
}

/** What all streams of a listener share. */
export interface StreamSettings {
  readonly limits: XmlLimits;
  /** Who speaks where a stream ends before it has named its host. */
  readonly from: string;
  /** Most characters waiting to be sent to a reader too slow to take them. */
  readonly outputBytes: number;
  /** Allowance of input; undefined for any. */
  readonly rate: RateLimit | undefined;
  /** How long to wait for the other side's `</stream:stream>`, in ms. */
  readonly closeTimeoutMs: number;
  readonly flusher: Flusher;
  readonly deadlines: Deadlines;
  readonly log: LogArea;
}

/** Reads what nobody wants to know any more. */
export const NOBODY: StreamReader = { onHeader() {}, onElement() {}, onClosed() {} };
