/** Namespaces, features and status codes of rooms (XEP-0045 §16). */

export {
  MUC_ADMIN_NS as ADMIN,
  MUC_NS as MUC,
  MUC_OWNER_NS as OWNER,
  MUC_USER_NS as USER,
} from "../../lib/formats/muc.ts";

export const REGISTER_FORM = "http://jabber.org/protocol/muc#register";
export const REQUEST_FORM = "http://jabber.org/protocol/muc#request";
export const CONFIG_FORM = "http://jabber.org/protocol/muc#roomconfig";
export const INFO_FORM = "http://jabber.org/protocol/muc#roominfo";
export const STABLE_ID = "http://jabber.org/protocol/muc#stable_id";
export const TRAFFIC_NODE = "http://jabber.org/protocol/muc#traffic";
export const NICK_NODE = "x-roomuser-item";
/** XEP-0307. */
export const UNIQUE = "http://jabber.org/protocol/muc#unique";
/** XEP-0410. */
export const SELF_PING = "http://jabber.org/protocol/muc#self-ping-optimization";
export const PING = "urn:xmpp:ping";
/** XEP-0077. */
export const REGISTER = "jabber:iq:register";
/** XEP-0249. */
export const CONFERENCE = "jabber:x:conference";
/** XEP-0317. */
export const HATS = "urn:xmpp:hats:0";
/** XEP-0421. */
export const OCCUPANT_ID = "urn:xmpp:occupant-id:0";
/** XEP-0424. */
export const RETRACT = "urn:xmpp:message-retract:1";
/** XEP-0425. */
export const MODERATE = "urn:xmpp:message-moderate:1";
export const MODERATE_BEFORE = "urn:xmpp:message-moderate:0";
/** XEP-0422. */
export const FASTEN = "urn:xmpp:fasten:0";
/** XEP-0452. */
export const MENTIONS = "urn:xmpp:mmn:0";
/** XEP-0463. */
export const VERSIONS = "urn:xmpp:muc:affiliations:1";
/** XEP-0372. */
export const REFERENCE = "urn:xmpp:reference:0";
/** XEP-0033. */
export const ADDRESS = "http://jabber.org/protocol/address";
export const VCARD = "vcard-temp";
/** XEP-0153. */
export const VCARD_UPDATE = "vcard-temp:x:update";

/** XEP-0045 §16.6. */
export const enum Status {
  NonAnonymous = 100,
  AffiliationChanged = 101,
  ConfigChanged = 104,
  Self = 110,
  Logged = 170,
  NotLogged = 171,
  NowNonAnonymous = 172,
  NowSemiAnonymous = 173,
  Created = 201,
  NickAssigned = 210,
  Banned = 301,
  NickChanged = 303,
  Kicked = 307,
  AffiliationLost = 321,
  MembersOnly = 322,
  Shutdown = 332,
  Failure = 333,
}
