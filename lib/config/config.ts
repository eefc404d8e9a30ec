/** The types of a configuration that is valid. All of it is frozen. */

import type * as v from "valibot";
import type { Later } from "../later.ts";
import type { coreSchema, hostSchema } from "./schema.ts";
import type { AnySchema } from "./setting.ts";

export type DeepReadonly<T> = T extends (infer U)[] ? readonly DeepReadonly<U>[]
  : T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
  : T;

type Core = DeepReadonly<v.InferOutput<typeof coreSchema>>;
type Host = DeepReadonly<v.InferOutput<typeof hostSchema>>;

export type LogConfig = Core["log"];
export type TlsConfig = Core["tls"];
export type HttpConfig = Core["http"];
export type C2sConfig = Core["c2s"];
/** Of the whole server; hosts differ in those of {@link HostLimits}. Sizes in bytes. */
export type Limits = Core["limits"];
export type HostLimits = Required<Host["limits"]>;
export type AuthConfig = Core["auth"];
export type BindConfig = Core["bind"];

export type StoreConfig = Omit<Core["store"], "url"> & {
  readonly kind: "sqlite" | "postgres";
  /** SQLite: the absolute path of the file (or `:memory:`); PostgreSQL: the URL. */
  readonly location: string;
};

/** A certificate and its key, both files absolute. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  /** Hash of what the two files say: it changes when they are renewed. */
  readonly digest: string;
}

export interface ModuleConfig {
  readonly name: string;
  readonly enabled: boolean;
  /** What to import (a URL); none for a built-in module. */
  readonly source: string | undefined;
  /** What the module's schema made of its table. Hosts without a table of their own share it. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface HostConfig {
  /** As RFC 7622 prepares it. */
  readonly domain: string;
  /** The host's own files, or those of `[tls]`; with none the server makes its own. */
  readonly certificate: CertificateFiles | undefined;
  readonly anonymous: boolean;
  readonly see_other_host: string | undefined;
  /** Where a reverse proxy serves the host, without a slash at its end. */
  readonly public_url: string | undefined;
  /** The global limits with the host's own in their place. */
  readonly limits: HostLimits;
  /** By name, the disabled ones included. */
  readonly modules: Readonly<Record<string, ModuleConfig>>;
}

export interface Config {
  /** The file read, absolute; none when the defaults hold. */
  readonly file: string | undefined;
  /** The folder for data, absolute. It may not exist yet. */
  readonly data: string;
  /** Bare JIDs. */
  readonly admins: readonly string[];
  readonly log: LogConfig;
  readonly store: StoreConfig;
  readonly tls: Pick<TlsConfig, "client_ca" | "min_version"> & {
    readonly certificate: CertificateFiles | undefined;
  };
  readonly listen: Core["listen"];
  readonly http: HttpConfig;
  readonly c2s: C2sConfig;
  readonly limits: Limits;
  readonly auth: AuthConfig;
  readonly bind: BindConfig;
  /** In the order of the file; at least one. */
  readonly hosts: readonly HostConfig[];
}

/** What the configuration must know of a module. */
export interface ModuleConfigInfo {
  /** A valibot object schema; without one the module has no settings. */
  readonly schema: AnySchema | undefined;
  readonly enabledByDefault: boolean;
}

/**
 * Finds a module's schema, by name and, if it is not built in, by the URL to import.
 * @returns `undefined` if there is no such module
 * @throws if it cannot be loaded; the message becomes a problem
 */
export type ModuleSchemas = (name: string, source?: string) => Later<ModuleConfigInfo | undefined>;
