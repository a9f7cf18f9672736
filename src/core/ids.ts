import { z } from 'zod'

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/** A listing's id: the ULID of its first event. */
export const ListingId = z.string().regex(ULID, 'expected a ULID').brand<'ListingId'>()
export type ListingId = z.infer<typeof ListingId>

/** A member's opaque id, stable for ever; handles are display only (T15). */
export const MemberId = z
  .string()
  .regex(/^m_[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'expected a member id')
  .brand<'MemberId'>()
export type MemberId = z.infer<typeof MemberId>

/** An event's id: a ULID, so that appending the same event twice changes nothing. */
export const EventId = z.string().regex(ULID, 'expected a ULID').brand<'EventId'>()
export type EventId = z.infer<typeof EventId>

/** A SHA-256 in lower-case hexadecimal. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits')
  .brand<'Sha256'>()
export type Sha256 = z.infer<typeof Sha256>

/** An MD5 in lower-case hexadecimal: a look-up key, never evidence. */
export const Md5 = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hexadecimal digits')
  .brand<'Md5'>()
export type Md5 = z.infer<typeof Md5>

/** A v1 info hash (BEP 3): SHA-1 of the raw info dictionary, lower-case hexadecimal. */
export const InfoHash = z
  .string()
  .regex(/^[0-9a-f]{40}$/, 'expected 40 lower-case hexadecimal digits')
  .brand<'InfoHash'>()
export type InfoHash = z.infer<typeof InfoHash>

/** A v2 info hash (BEP 52): SHA-256 of the raw info dictionary, lower-case hexadecimal. */
export const InfoHashV2 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits')
  .brand<'InfoHashV2'>()
export type InfoHashV2 = z.infer<typeof InfoHashV2>

/** An OpenPGP fingerprint (RFC 9580 section 5.5.4), upper-case hexadecimal, 40 or 64 digits. */
export const Fingerprint = z
  .string()
  .regex(/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/, 'expected 40 or 64 upper-case hexadecimal digits')
  .brand<'Fingerprint'>()
export type Fingerprint = z.infer<typeof Fingerprint>

/** A handle as members choose it: 2 to 32 of `a-z 0-9 _ -`, begun and ended by a letter or digit. */
export const Handle = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])$/,
    'expected 2 to 32 of a-z, 0-9, _ and -, begun and ended by a letter or digit',
  )
  .brand<'Handle'>()
export type Handle = z.infer<typeof Handle>
