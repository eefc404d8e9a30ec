/**
 * Reading data forms (XEP-0004, XEP-0068): first as they stand, then, for submissions, against the
 * fields that were asked for. What is wrong is said in words, with the name of the field.
 */

import type { Element } from "../xml/element.ts";
import { StanzaError } from "../errors.ts";
import { parseJid } from "../jid.ts";
import type { Field, FieldOption, FieldType, FieldValues, FormType, Validation } from "./form.ts";
import { FORMS_NS } from "./form.ts";

export interface FormField {
  /** As declared; submissions need not declare it (XEP-0004 §3.2). */
  readonly type: FieldType | undefined;
  readonly label: string | undefined;
  readonly required: boolean;
  /** The texts of its values, in order. */
  readonly values: readonly string[];
  readonly options: readonly FieldOption[];
}

export interface Form {
  readonly type: FormType;
  /** FORM_TYPE, if the form has a valid one (XEP-0068 §4). */
  readonly formType: string | undefined;
  readonly title: string | undefined;
  /** By `var`, without FORM_TYPE and without nameless (`fixed`) fields. */
  readonly fields: ReadonlyMap<string, FormField>;
  /** A result's rows (XEP-0004 §3.4): the values of each by `var`. */
  readonly rows: readonly ReadonlyMap<string, readonly string[]>[];
}

const FORM_TYPES: ReadonlySet<string> = new Set<FormType>(["form", "submit", "cancel", "result"]);
const FIELD_TYPES: ReadonlySet<string> = new Set<FieldType>([
  "boolean",
  "fixed",
  "hidden",
  "jid-single",
  "jid-multi",
  "list-single",
  "list-multi",
  "text-single",
  "text-private",
  "text-multi",
]);

/**
 * Reads an `<x/>` element.
 * @throws StanzaError `bad-request` if it is no well-formed form: the text says why
 */
export function readForm(element: Element): Form {
  if (!element.is("x", FORMS_NS)) throw malformed("this is no data form");
  const type = element.attrs.type;
  if (type === undefined || !FORM_TYPES.has(type)) {
    throw malformed(`the form's type must be form, submit, cancel or result, not ${quoted(type)}`);
  }
  const fields = new Map<string, FormField>();
  for (const f of element.elements("field")) {
    const name = f.attrs.var;
    const field = readField(f, name);
    if (name === undefined) {
      // A single nameless field without a type is an old way to say "fixed": ignored all the same.
      if (field.type === "fixed" || field.type === undefined) continue;
      throw malformed("a field of the form has no name");
    }
    if (fields.has(name)) throw malformed(`the field ${name} is in the form twice`);
    fields.set(name, field);
  }
  const formType = formTypeOf(fields.get("FORM_TYPE"), type as FormType);
  fields.delete("FORM_TYPE");
  const rows = element.elements("item").map(readRow);
  return { type: type as FormType, formType, title: element.childText("title"), fields, rows };
}

function readField(f: Element, name: string | undefined): FormField {
  const declared = f.attrs.type;
  // An unknown type is to be taken for text-single (XEP-0004 §3.3).
  const type = declared === undefined
    ? undefined
    : FIELD_TYPES.has(declared)
    ? declared as FieldType
    : "text-single";
  const options = f.elements("option").map((o) => {
    const value = o.childText("value");
    if (value === undefined) throw malformed(`an option of the field ${name} has no value`);
    return { value, label: o.attrs.label };
  });
  return {
    type,
    label: f.attrs.label,
    required: f.child("required") !== undefined,
    values: f.elements("value").map((v) => v.text()),
    options,
  };
}

/** In forms and results the field must be hidden; in submissions its type does not matter (§4). */
function formTypeOf(field: FormField | undefined, type: FormType): string | undefined {
  if (field === undefined || field.values.length !== 1) return undefined;
  return type === "submit" || field.type === "hidden" ? field.values[0] : undefined;
}

function readRow(item: Element): ReadonlyMap<string, readonly string[]> {
  const row = new Map<string, readonly string[]>();
  for (const f of item.elements("field")) {
    const name = f.attrs.var;
    if (name !== undefined) row.set(name, f.elements("value").map((v) => v.text()));
  }
  return row;
}

/**
 * What a submission says about the fields asked for, typed as they are. A field that was left out is
 * `undefined` (it keeps its value, §3.5); one that was emptied is `""`, `[]` or `false` (§3.6).
 */
export type Answers<F extends readonly Field[]> = {
  -readonly [N in Exclude<F[number], { type: "fixed" }> as N["var"]]?: FieldValues[N["type"]];
};

/**
 * Validates a submission against the fields asked for (XEP-0004 §4); unknown fields are ignored.
 * Give the fields `as const` to have the answers typed by name.
 * @param formType must be that of the submission, which may also have none (XEP-0068 §4.1)
 * @throws StanzaError `bad-request` if it is no submission of that form, `not-acceptable` if a value
 *   is not valid: the text names the field
 */
export function answers<const F extends readonly Field[]>(
  submitted: Form,
  fields: F,
  formType?: string,
): Answers<F> {
  if (submitted.type !== "submit") {
    throw malformed(`the form's type must be submit, not ${submitted.type}`);
  }
  if (
    formType !== undefined && submitted.formType !== undefined && submitted.formType !== formType
  ) {
    throw malformed(`the FORM_TYPE must be ${formType}, not ${quoted(submitted.formType)}`);
  }
  const found: Record<string, unknown> = {};
  for (const field of fields) {
    if (field.type === "fixed") continue;
    const given = submitted.fields.get(field.var);
    const isEmpty = given === undefined || given.values.every((v) => v === "");
    if (field.required === true && isEmpty) throw unacceptable(field.var, "a value is required");
    if (given !== undefined) found[field.var] = valueOf(field, given.values);
  }
  return found as Answers<F>;
}

function valueOf(field: Exclude<Field, { type: "fixed" }>, values: readonly string[]): unknown {
  switch (field.type) {
    case "boolean":
      return booleanValue(field.var, single(field.var, values));
    case "text-multi":
      return values.join("\n");
    case "jid-single": {
      const jid = single(field.var, values);
      return jid === "" ? "" : jidValue(field.var, jid);
    }
    case "jid-multi":
      return [...new Set(values.filter((v) => v !== "").map((v) => jidValue(field.var, v)))];
    case "list-single": {
      const choice = single(field.var, values);
      return choice === "" ? "" : choiceValue(field, choice);
    }
    case "list-multi":
      return [...new Set(values.map((v) => choiceValue(field, v)))];
    case "text-single": {
      const text = single(field.var, values);
      return field.validate === undefined || text === ""
        ? text
        : wholeNumber(field.var, text, field.validate);
    }
    case "hidden":
    case "text-private":
      return single(field.var, values);
  }
}

function single(name: string, values: readonly string[]): string {
  if (values.length > 1) throw unacceptable(name, "only one value is allowed");
  return values[0] ?? "";
}

/** The lexical forms of xs:boolean; an empty one is the default, false. */
function booleanValue(name: string, text: string): boolean {
  if (text === "1" || text === "true") return true;
  if (text === "0" || text === "false" || text === "") return false;
  throw unacceptable(name, `${quoted(text)} is neither true nor false`);
}

/** XEP-0122 §4.4: nobody else has looked. The number as text, without a sign or zeros to no use. */
function wholeNumber(name: string, text: string, { min, max }: Validation): string {
  const digits = text.trim();
  const number = /^[+-]?[0-9]+$/.test(digits) ? Number(digits) : NaN;
  if (!Number.isSafeInteger(number)) {
    throw unacceptable(name, `${quoted(text)} is no whole number, or too large`);
  }
  if (min !== undefined && number < min) throw unacceptable(name, `${number} is less than ${min}`);
  if (max !== undefined && number > max) throw unacceptable(name, `${number} is more than ${max}`);
  return String(number);
}

function jidValue(name: string, text: string): string {
  const jid = parseJid(text);
  if (jid === undefined) throw unacceptable(name, `${quoted(text)} is no valid address`);
  return jid.full;
}

/** A field without options of its own leaves the choice open. */
function choiceValue(
  field: { readonly var: string; readonly options?: readonly FieldOption[] },
  text: string,
): string {
  const { options } = field;
  if (options === undefined || options.some((o) => o.value === text)) return text;
  throw unacceptable(field.var, `${quoted(text)} is none of its options`);
}

/** At most 80 characters of what somebody else wrote. */
function quoted(text: string | undefined): string {
  if (text === undefined) return "absent";
  return JSON.stringify(text.length > 80 ? text.slice(0, 80) + "…" : text);
}

function malformed(text: string): StanzaError {
  return new StanzaError("bad-request", { text });
}

function unacceptable(name: string, what: string): StanzaError {
  return new StanzaError("not-acceptable", { text: `${name}: ${what}` });
}
