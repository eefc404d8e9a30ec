/** Namespaces of publish-subscribe (XEP-0060 §16.1) and what is built from them. */

export const PUBSUB = "http://jabber.org/protocol/pubsub";
export const ERRORS = `${PUBSUB}#errors`;
export const EVENT = `${PUBSUB}#event`;
export const OWNER = `${PUBSUB}#owner`;
export const NODE_CONFIG = `${PUBSUB}#node_config`;
export const PUBLISH_OPTIONS = `${PUBSUB}#publish-options`;
export const SUBSCRIBE_OPTIONS = `${PUBSUB}#subscribe_options`;
export const AUTHORIZATION = `${PUBSUB}#subscribe_authorization`;
export const META_DATA = `${PUBSUB}#meta-data`;

/** XEP-0413. */
export const ORDER = "urn:xmpp:order-by:1";
/** XEP-0312. */
export const AGO = "urn:xmpp:ago:0";

/** Octets of a node's or an item's name: what a resourcepart may have (XEP-0060 §4.6). */
export const MAX_NAME = 1023;
