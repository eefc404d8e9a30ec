/** XEP-0050's elements and errors, and the forms in them. */

import type { Command, CommandOutcome } from "../../lib/commands.ts";
import { COMMANDS_NS } from "../../lib/commands.ts";
import { StanzaError } from "../../lib/errors.ts";
import type { Field } from "../../lib/formats/form.ts";
import { answers, form, FORMS_NS, readForm } from "../../lib/formats/form.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";

/** The language of all forms and notes. */
const LANG = "en";

/** §4.4. */
export function refusal(
  condition: "bad-action" | "malformed-action" | "bad-locale" | "bad-payload" | "bad-sessionid",
  text: string,
): StanzaError {
  return new StanzaError("bad-request", { text, app: xml(condition, COMMANDS_NS) });
}

/** §4.2: `execute` is what the button in the middle does. */
export function actionsElement(hasPrevious: boolean, isLast: boolean): Element {
  const forward = isLast ? "complete" : "next";
  return xml(
    "actions",
    COMMANDS_NS,
    { execute: forward },
    hasPrevious && xml("prev", COMMANDS_NS),
    xml(forward, COMMANDS_NS),
  );
}

export function commandElement(
  sessionid: string,
  { node }: Command,
  status: "executing" | "completed" | "canceled",
  ...children: (Element | false | undefined)[]
): Element {
  return xml(
    "command",
    COMMANDS_NS,
    { node, sessionid, status, "xml:lang": LANG },
    ...children,
  );
}

export function completed(
  id: string,
  command: Command,
  outcome: CommandOutcome | string | void,
): Element {
  const what: CommandOutcome = typeof outcome === "string" ? { note: outcome } : outcome ?? {};
  return commandElement(
    id,
    command,
    "completed",
    noteElement("info", what.note),
    noteElement("warn", what.warning),
    noteElement("error", what.error),
    what.result && form({ type: "result", ...what.result }),
    ...what.payload ?? [],
  );
}

function noteElement(type: string, text: string | undefined): Element | undefined {
  return text === undefined ? undefined : xml("note", COMMANDS_NS, { type }, text);
}

/** Values by name; every fault of the form is a `bad-payload`. A `cancel` is a `submit` (§3.5.1). */
export function submitted(
  request: Element,
  fields: readonly Field[],
  formType: string | undefined,
): Record<string, unknown> {
  const x = request.child("x", FORMS_NS) ?? xml("x", FORMS_NS, { type: "submit" });
  try {
    const read = readForm(x);
    return answers(read.type === "cancel" ? { ...read, type: "submit" } : read, fields, formType);
  } catch (e) {
    if (!(e instanceof StanzaError)) throw e;
    throw refusal("bad-payload", e.text ?? e.condition);
  }
}

/** A page that is shown again has what it was given, but for secrets. */
export function filledIn(
  fields: readonly Field[],
  given: Readonly<Record<string, unknown>> | undefined,
): readonly Field[] {
  if (given === undefined) return fields;
  return fields.map((field) => {
    if (field.type === "fixed" || field.type === "text-private") return field;
    const value = given[field.var];
    return value === undefined ? field : { ...field, value } as Field;
  });
}
