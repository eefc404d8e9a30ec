/** What the tests of the XML parser share. */

import assert from "node:assert/strict";
import { Element } from "../../lib/xml/element.ts";
import {
  defaultXmlLimits,
  StreamParser,
  XmlError,
  type XmlErrorCondition,
  type XmlEvent,
  type XmlLimits,
} from "../../lib/xml/parser.ts";

export const STREAMS = "http://etherx.jabber.org/streams";
export const OPEN =
  `<stream:stream xmlns='jabber:client' xmlns:stream='${STREAMS}' to='example.org'>`;
export const CLOSE = "</stream:stream>";

export const utf8 = (text: string) => new TextEncoder().encode(text);
export const bytes = (...parts: (string | number[])[]) =>
  Uint8Array.from(parts.flatMap((p) => typeof p === "string" ? [...utf8(p)] : p));

export function drain<E extends Element>(parser: StreamParser<E>): XmlEvent<E>[] {
  const events: XmlEvent<E>[] = [];
  for (let e = parser.next(); e !== undefined; e = parser.next()) events.push(e);
  return events;
}

export function parse(
  input: string | Uint8Array,
  limits: XmlLimits = defaultXmlLimits,
): XmlEvent[] {
  const parser = new StreamParser(limits);
  parser.push(typeof input === "string" ? utf8(input) : input);
  return drain(parser);
}

/** The only stanza of a stream that has just this. */
export function stanza(text: string, limits?: XmlLimits): Element {
  const events = parse(OPEN + text, limits);
  assert.equal(events.length, 2);
  return events[1] as Element;
}

export function condition(run: () => unknown): XmlErrorCondition | undefined {
  try {
    run();
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    return error.condition;
  }
  return undefined;
}

/** The same condition must come in one piece and byte by byte. */
export function refused(
  want: XmlErrorCondition,
  input: string | Uint8Array,
  limits = defaultXmlLimits,
) {
  const all = typeof input === "string" ? utf8(input) : input;
  const shown = JSON.stringify(typeof input === "string" ? input : [...input]);
  assert.equal(condition(() => parse(all, limits)), want, shown);
  const slowly = () => {
    const parser = new StreamParser(limits);
    for (const b of all) {
      parser.push(Uint8Array.of(b));
      drain(parser);
    }
  };
  assert.equal(condition(slowly), want, `byte by byte: ${shown}`);
}

/** Everything about events that a caller can see. */
export function seen(events: readonly XmlEvent[]): unknown {
  return events.map((e) =>
    e instanceof Element ? [e.toString(), e.source, e.contentAt, shape(e)] : structuredClone(e)
  );
}

export function shape(e: Element): unknown {
  return [
    e.ns,
    e.name,
    { ...e.attrs },
    e.children.map((c) => typeof c === "string" ? c : shape(c)),
  ];
}
