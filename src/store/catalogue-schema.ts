import type { Schema } from './sqlite.ts'

/**
 * The catalogue's tables. What is kept of a stream depends on src/core too: raise
 * the version whenever its states or views change, so that files of an older
 * program are rebuilt (a test holds a digest of what this version shows).
 */
export const CATALOGUE_VERSION = 11

/** Needs its view projected. */
export const DIRTY_VIEW = 1
/** Needs its figures counted too. */
export const DIRTY_FIGURES = 2

export const CATALOGUE_SCHEMA: Schema = {
  name: 'catalogue',
  id: 0x51_61_6c_03,
  version: CATALOGUE_VERSION,
  // A power cut may cost the last transactions; the ledger still has them.
  synchronous: 'NORMAL',
  sql: `
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE members (
      id TEXT PRIMARY KEY,
      dirty INTEGER NOT NULL,
      state TEXT NOT NULL,
      handle TEXT,
      -- Confusable skeleton of the handle.
      skeleton TEXT,
      joined_at TEXT,
      candidate INTEGER NOT NULL DEFAULT 0,
      trusted INTEGER NOT NULL DEFAULT 0,
      -- What the listings of this member look at.
      face TEXT,
      view TEXT,
      -- Between which times (ms) the view holds, where it counts days.
      fresh_from INTEGER,
      stale_at INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX members_dirty ON members (id) WHERE dirty > 0;
    CREATE INDEX members_handle ON members (handle, joined_at, id);
    CREATE INDEX members_skeleton ON members (skeleton, joined_at, id);
    CREATE INDEX members_candidate ON members (id) WHERE candidate > 0;
    CREATE INDEX members_trusted ON members (id) WHERE trusted > 0;
    CREATE INDEX members_stale ON members (stale_at) WHERE stale_at IS NOT NULL;

    CREATE TABLE endorsements (endorser TEXT, member TEXT, PRIMARY KEY (endorser, member)) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (fingerprint TEXT, member TEXT, blob TEXT NOT NULL, PRIMARY KEY (fingerprint, member))
      STRICT, WITHOUT ROWID;

    -- Narrow rows, scanned by searches; what is long lies in documents.
    CREATE TABLE listings (
      n INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      dirty INTEGER NOT NULL,
      uploader TEXT NOT NULL DEFAULT '',
      -- Null while there is nothing to show.
      status TEXT,
      ratings INTEGER NOT NULL DEFAULT 0,
      stars INTEGER NOT NULL DEFAULT 0,
      upheld_at TEXT,
      -- The latest position of the site's stream that its authorities name.
      max_site_seq INTEGER NOT NULL DEFAULT 0,
      unverified INTEGER NOT NULL DEFAULT 0,
      -- Open reports or an open appeal.
      moderation INTEGER NOT NULL DEFAULT 0,
      tier TEXT,
      quant TEXT,
      name_key TEXT,
      -- The listing that takes its place.
      superseded_by TEXT,
      -- Confusable skeleton of the name.
      skeleton TEXT,
      size INTEGER,
      at TEXT,
      rating INTEGER,
      seeders INTEGER NOT NULL DEFAULT -1,
      downloads INTEGER NOT NULL DEFAULT -1
    ) STRICT;
    CREATE INDEX listings_dirty ON listings (dirty) WHERE dirty > 0;
    CREATE INDEX listings_uploader ON listings (uploader, status, ratings, stars, upheld_at);
    CREATE INDEX listings_site_seq ON listings (max_site_seq);
    CREATE INDEX listings_unverified ON listings (at, id) WHERE unverified > 0;
    CREATE INDEX listings_moderation ON listings (at, id) WHERE moderation > 0;
    CREATE INDEX listings_superseded ON listings (superseded_by) WHERE superseded_by IS NOT NULL;
    CREATE INDEX listings_skeleton ON listings (skeleton, id);
    CREATE INDEX listings_new ON listings (status, at DESC, id DESC);
    CREATE INDEX listings_seeders ON listings (status, seeders DESC, id DESC);
    CREATE INDEX listings_downloads ON listings (status, downloads DESC, id DESC);
    CREATE INDEX listings_name ON listings (status, name_key, id DESC);
    CREATE INDEX listings_size ON listings (status, size DESC, id DESC);
    CREATE INDEX listings_rating ON listings (status, rating DESC, id DESC);

    CREATE TABLE documents (n INTEGER PRIMARY KEY, state TEXT NOT NULL, view TEXT, words TEXT) STRICT;
    CREATE VIRTUAL TABLE words USING fts5 (
      name, tags, uploader, architecture, quantisation, parts,
      content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE TABLE tags (n INTEGER, tag TEXT, PRIMARY KEY (n, tag)) STRICT, WITHOUT ROWID;
    CREATE INDEX tags_tag ON tags (tag, n);
    CREATE TABLE hashes (hash TEXT, field TEXT, n INTEGER, PRIMARY KEY (hash, field, n)) STRICT, WITHOUT ROWID;
    CREATE INDEX hashes_listing ON hashes (n);
    -- Chat templates by the hash of their bytes, and when a verifier first looked into the listing.
    CREATE TABLE templates (sha256 TEXT, n INTEGER, at TEXT NOT NULL, PRIMARY KEY (sha256, n)) STRICT, WITHOUT ROWID;
    CREATE INDEX templates_listing ON templates (n);
    CREATE TABLE reports (sha256 TEXT, n INTEGER, PRIMARY KEY (sha256, n)) STRICT, WITHOUT ROWID;

    -- Grows whenever a search may count otherwise than before, whichever process changed it.
    INSERT INTO meta (key, value) VALUES ('counted', '0');
    CREATE TRIGGER listings_counted AFTER UPDATE OF status, uploader, tier, quant, superseded_by ON listings
      WHEN old.status IS NOT new.status OR old.uploader IS NOT new.uploader
        OR old.tier IS NOT new.tier OR old.quant IS NOT new.quant
        OR old.superseded_by IS NOT new.superseded_by
      BEGIN UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE key = 'counted'; END;
    CREATE TRIGGER words_counted AFTER UPDATE OF words ON documents WHEN old.words IS NOT new.words
      BEGIN UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE key = 'counted'; END;

    -- Reports by the code of their reporter, and when a moderator dismissed them.
    CREATE TABLE reporters (n INTEGER, reporter TEXT, dismissed_at TEXT, PRIMARY KEY (n, reporter)) STRICT, WITHOUT ROWID;
    CREATE INDEX reporters_dismissed ON reporters (dismissed_at) WHERE dismissed_at IS NOT NULL;

    -- Members whose handle, role or ban a listing looks at, beside its uploader.
    CREATE TABLE mentions (member TEXT, n INTEGER, PRIMARY KEY (member, n)) STRICT, WITHOUT ROWID;

    -- What was done by a role, a rule or the operator, in the ledger's order.
    CREATE TABLE actions (n INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;

    CREATE TABLE swarm (
      info_hash TEXT, tracker TEXT,
      seeders INTEGER NOT NULL, leechers INTEGER NOT NULL, completed INTEGER NOT NULL,
      at TEXT NOT NULL,
      PRIMARY KEY (info_hash, tracker)
    ) STRICT, WITHOUT ROWID;`,
}
