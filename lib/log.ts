/**
 * The log: one line per event, for people or as JSON. Lines are written in batches, and a reader that
 * has stopped costs lines of log, never the server's time.
 *
 * Fields are primitives, so that no stanza and no credential slips in whole; names that sound like
 * secrets are masked all the same.
 */

export type Level = "debug" | "info" | "warn" | "error" | "off";

export interface LogSettings {
  /** The least important events that are written. */
  readonly level: Level;
  readonly format: "human" | "json";
  /** Levels of single areas, by name. */
  readonly levels: Readonly<Record<string, Level>>;
}

export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where lines go. */
export interface LogSink {
  /** Writes whole lines. While its promise is open no other call is made. */
  write(text: string): void | Promise<void>;
  /** Writes whole lines before it returns: the process is about to end. */
  writeSync(text: string): void;
}

/** The log of one part of the server. */
export interface LogArea {
  readonly name: string;
  /** Whether debug lines are written: check it before making fields on a hot path. */
  readonly debugOn: boolean;
  readonly infoOn: boolean;
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

export interface Log {
  /** The log of an area: the same object for the same name. */
  area(name: string): LogArea;
  /** Changes levels and format from now on, in all areas. */
  configure(settings: LogSettings): void;
  /** Hands what is waiting to the sink. */
  flush(): void;
  /** Flushes, and waits until all is written, at most a second. */
  close(): Promise<void>;
}

const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3, off: 4 };

/** Lines that make a batch. */
const BATCH = 64;
/** How long a line may wait for others, in ms. */
const WAIT = 50;
/** Characters that may wait for a slow sink; then lines are lost, and counted. */
const BACKLOG = 1 << 20;
/** Longest value of a field and longest message, in characters. */
const LONGEST = 512;
/** How long `close` waits for the sink, in ms. */
const LAST_WAIT = 1_000;

/** @param sink standard error if not given */
export function createLog(settings: LogSettings, sink: LogSink = standardError): Log {
  const writer = new Writer(sink);
  const areas = new Map<string, Area>();
  let current = settings;
  return {
    area(name) {
      let area = areas.get(name);
      if (area === undefined) {
        area = new Area(name, writer);
        area.configure(current);
        areas.set(name, area);
      }
      return area;
    },
    configure(next) {
      current = next;
      for (const area of areas.values()) area.configure(next);
    },
    flush: () => writer.flush(),
    close: () => writer.close(),
  };
}

/** Standard error of the process. */
export const standardError: LogSink = {
  async write(text) {
    let bytes = encoder.encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(await Deno.stderr.write(bytes));
  },
  writeSync(text) {
    let bytes = encoder.encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stderr.writeSync(bytes));
  },
};

const encoder = new TextEncoder();

class Area implements LogArea {
  readonly name: string;
  debugOn = false;
  infoOn = false;
  warnOn = false;
  errorOn = false;
  #json = false;
  readonly #writer: Writer;

  constructor(name: string, writer: Writer) {
    this.name = name;
    this.#writer = writer;
  }

  configure({ level, levels, format }: LogSettings): void {
    const rank = RANK[Object.hasOwn(levels, this.name) ? levels[this.name]! : level];
    this.debugOn = rank <= RANK.debug;
    this.infoOn = rank <= RANK.info;
    this.warnOn = rank <= RANK.warn;
    this.errorOn = rank <= RANK.error;
    this.#json = format === "json";
  }

  debug(message: string, fields?: Fields): void {
    if (this.debugOn) this.#line("debug", message, fields);
  }

  info(message: string, fields?: Fields): void {
    if (this.infoOn) this.#line("info", message, fields);
  }

  warn(message: string, fields?: Fields): void {
    if (this.warnOn) this.#line("warn", message, fields);
  }

  error(message: string, fields?: Fields): void {
    if (!this.errorOn) return;
    this.#line("error", message, fields);
    // The process may not live to see the next batch.
    this.#writer.flush();
  }

  #line(level: Level, message: string, fields: Fields | undefined): void {
    const format = this.#json ? jsonLine : humanLine;
    this.#writer.add(format(new Date(), level, this.name, message, fields));
  }
}

/** Collects lines and hands them over in batches, one batch at a time. */
class Writer {
  readonly #sink: LogSink;
  #lines: string[] = [];
  #size = 0;
  #lost = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The batch being written, if the sink takes its time. */
  #writing: Promise<void> | undefined;
  #writingSince = 0;
  readonly #onUnload = () => this.#last();

  constructor(sink: LogSink) {
    this.#sink = sink;
    addEventListener("unload", this.#onUnload);
  }

  add(line: string): void {
    if (this.#size + line.length > BACKLOG) {
      this.#lost++;
      return;
    }
    this.#lines.push(line);
    this.#size += line.length;
    if (this.#lines.length >= BATCH) this.flush();
    else if (this.#timer === undefined && this.#writing === undefined) this.#later();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing !== undefined || this.#lines.length === 0) return;
    const batch = this.#take();
    try {
      const written = this.#sink.write(batch);
      if (written === undefined) return;
      this.#writingSince = performance.now();
      this.#writing = written.catch(ignore).then(() => {
        this.#writing = undefined;
        this.flush();
      });
    } catch (error) {
      ignore(error);
    }
  }

  async close(): Promise<void> {
    this.flush();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_WAIT));
    await Promise.race([timeout, this.#drained()]);
    clearTimeout(timer);
    // What the sink has not taken by now it will not take: the end of the process need not try.
    if (this.#writing !== undefined) removeEventListener("unload", this.#onUnload);
  }

  async #drained(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #later(): void {
    const timer = setTimeout(() => this.flush(), WAIT);
    Deno.unrefTimer(timer);
    this.#timer = timer;
  }

  #take(): string {
    let batch = this.#lines.join("");
    if (this.#lost > 0) {
      const lost = { lines: this.#lost };
      const format = batch.startsWith("{") ? jsonLine : humanLine;
      batch += format(new Date(), "warn", "log", "lines lost: the log is read too slowly", lost);
    }
    this.#lines = [];
    this.#size = 0;
    this.#lost = 0;
    return batch;
  }

  /** The process ends now: no promise will be kept any more. */
  #last(): void {
    // A sink that is stuck would keep the process from ending.
    const stuck = this.#writing !== undefined && performance.now() - this.#writingSince > LAST_WAIT;
    if (stuck || this.#lines.length === 0) return;
    try {
      this.#sink.writeSync(this.#take());
    } catch (error) {
      ignore(error);
    }
  }
}

/** When the log itself cannot be written there is nobody left to tell, and the server goes on. */
function ignore(_error: unknown): void {}

/** `2026-11-21T10:00:00.000Z info  c2s      session bound  jid=romeo@example.org/orchard` */
function humanLine(
  at: Date,
  level: Level,
  area: string,
  message: string,
  fields: Fields | undefined,
): string {
  const head = `${at.toISOString()} ${level.padEnd(5)} ${escaped(area).padEnd(8)}`;
  let line = `${head} ${escaped(cut(message))}`;
  let gap = "  ";
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    line += `${gap}${bare(name)}=${humanValue(name, value)}`;
    gap = " ";
  }
  return line + "\n";
}

function jsonLine(
  at: Date,
  level: Level,
  area: string,
  message: string,
  fields: Fields | undefined,
): string {
  let line = `{"time":"${at.toISOString()}","level":"${level}","area":${json(area)}`;
  line += `,"message":${json(cut(message))}`;
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    // A field cannot pass for a part of the event itself.
    const key = OWN.has(name) ? `${name}_` : name;
    const text = isSecret(name) ? MASK : primitive(value);
    line += `,${json(key)}:${typeof text === "string" ? json(cut(text)) : text}`;
  }
  return line + "}\n";
}

const OWN: ReadonlySet<string> = new Set(["time", "level", "area", "message"]);
const MASK = "***";
const SECRET = /pass(word|wd|phrase)|secret|token|payload|credential|^(body|proof|private_?key)$/i;

/** Whether by its name a field holds what must not be in a log. */
function isSecret(name: string): boolean {
  return SECRET.test(name);
}

function humanValue(name: string, value: string | number | boolean): string {
  if (isSecret(name)) return MASK;
  if (typeof value !== "string") return String(primitive(value));
  return bare(cut(value));
}

/** Types are gone at run time: whatever is no primitive after all is not looked into. */
function primitive(value: unknown): string | number | boolean {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return `(${typeof value})`;
}

/** A value as it is if it cannot be misread, else in quotes. */
function bare(text: string): string {
  return PLAIN.test(text) ? text : json(text);
}

const PLAIN = /^[!#-<>-[\]-~]+$/;

function cut(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST)}... (${text.length} characters)`;
}

/** What could end the line, act on a terminal, or turn the order of its characters around. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
const ALL_UNSAFE = new RegExp(UNSAFE, "gu");

/** Text without quotes around it; unsafe characters and backslashes as JSON writes them. */
function escaped(text: string): string {
  return UNSAFE.test(text) || text.includes("\\") ? json(text).slice(1, -1) : text;
}

function json(text: string): string {
  const quoted = JSON.stringify(text);
  if (!UNSAFE.test(quoted)) return quoted;
  return quoted.replace(ALL_UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
