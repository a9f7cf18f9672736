import type { ModelItem } from '../page-types.ts'
import { CopyButton, Missing, Panel } from './bits.tsx'
import { trackersOf } from './trackers.ts'

/** Every way to the bytes: magnet, .torrent, v1 magnet, web seeds. */
export function GetBar({ model, danger }: { model: ModelItem; danger: boolean }) {
  const links = <GetLinks model={model} />
  return (
    <Panel title="Get it" code={hashCode(model)} kind="wide get">
      {danger ? (
        <details class="danger-links">
          <summary>Show the links all the same, to examine the file</summary>
          {links}
        </details>
      ) : (
        links
      )}
    </Panel>
  )
}

function hashCode({ info_hash, info_hash_v2 }: ModelItem): string {
  if (info_hash !== null) return `info hash ${info_hash}`
  return info_hash_v2 === null ? 'no info hash' : `v2 info hash ${info_hash_v2.slice(0, 40)}…`
}

function GetLinks({ model }: { model: ModelItem }) {
  const { magnet, magnet_v1, torrent_url, web_seeds } = model
  // A v1 torrent has one link, which says no more than this one.
  const hybrid = magnet_v1 !== null && model.info_hash_v2 !== null
  const trackers = trackersOf(model)
  return (
    <>
      <div class="buttons">
        {magnet === null ? (
          <Missing word="no magnet" />
        ) : (
          <a class="button button-main" href={magnet} rel="nofollow">
            Magnet
          </a>
        )}
        {magnet === null ? null : <CopyButton text={magnet} what="the magnet" />}
        {torrent_url === null ? (
          <Missing word="no .torrent was given" />
        ) : (
          <a class="button" href={torrent_url} rel="nofollow">
            .torrent
          </a>
        )}
        {!hybrid ? null : (
          <a class="button" href={magnet_v1} rel="nofollow">
            Magnet, v1 hash only
          </a>
        )}
        <a class="button button-quiet" href="#check">
          Check a file I have
        </a>
        <a class="button button-quiet" href="#download">
          Download here
        </a>
      </div>
      {hybrid ? (
        <p class="quiet-text get-note">
          The link with only the v1 hash is for clients that take one hash a link. The torrent is a hybrid of
          BitTorrent v1 and v2 either way: aria2 1.36 and transmission before 4.0 cannot read it.
        </p>
      ) : null}
      <dl class="facts get-facts">
        <dt>Web seeds</dt>
        <dd>
          {web_seeds.length === 0 ? (
            <Missing word="none" />
          ) : (
            <ul class="plain">
              {web_seeds.map((url) => (
                <li key={url}>
                  <a class="mono" href={url} rel="nofollow noreferrer">
                    {url}
                  </a>
                </li>
              ))}
            </ul>
          )}
        </dd>
        <dt>Trackers</dt>
        <dd>
          {trackers.length === 0 ? (
            <Missing word="none: peers are found by DHT" />
          ) : (
            <ul class="plain mono">
              {trackers.map((tracker) => (
                <li key={tracker}>{tracker}</li>
              ))}
            </ul>
          )}
        </dd>
      </dl>
    </>
  )
}
