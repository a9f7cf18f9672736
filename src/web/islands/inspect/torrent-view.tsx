import { Missing, Panel, State } from '../../components/bits.tsx'
import { formatBytes, formatCount, formatMinute } from '../format.ts'
import { CopyCode } from './copy-code.tsx'
import { Match } from './known-panel.tsx'
import { Paged } from './paged.tsx'
import type { TorrentRefusal, TorrentReport } from './report.ts'
import { SafeText } from './safe-text.tsx'
import { matchesOf, type InspectActions, type KnownState } from './state.ts'
import { adviceFor } from './torrent-advice.ts'

const VERSIONS = {
  v1: 'v1 only: every client reads it; it has no hash of a file of its own',
  v2: 'v2 only: older clients cannot read it',
  hybrid: 'hybrid: v1 and v2 in one, for every client',
} as const

interface TorrentViewProps {
  report: TorrentReport
  known: KnownState
  act: InspectActions
}

/** What a .torrent says, before anything of it is uploaded or fetched. */
export function TorrentView({ report, known, act }: TorrentViewProps) {
  const { torrent } = report
  return (
    <article class="model inspected">
      <header class="title-card">
        <div>
          <h2 class="title title-s">
            <SafeText text={torrent.name} limit={120} />
          </h2>
          <ul class="chips">
            <li class={`chip tone-${torrent.private ? 'bad' : 'ok'}`}>
              <State
                word={
                  torrent.private
                    ? { text: 'Private: cannot be listed', tone: 'bad' }
                    : { text: 'Can be read', tone: 'ok' }
                }
              />
            </li>
            <li class="chip">{torrent.version}</li>
            <li class="chip">{formatBytes(torrent.size_bytes)}</li>
            <li class="chip">
              {formatCount(torrent.files.length)} {torrent.files.length === 1 ? 'file' : 'files'}
            </li>
          </ul>
        </div>
      </header>
      <TorrentFactsPanel report={report} />
      <div class="column">
        <TorrentKnown known={known} act={act} />
        <Announced report={report} />
      </div>
      <TorrentFiles report={report} />
    </article>
  )
}

function TorrentFactsPanel({ report }: { report: TorrentReport }) {
  return (
    <Panel title="Torrent" code={report.torrent.version} kind="torrent-facts" id="torrent">
      <TorrentFactList report={report} />
    </Panel>
  )
}

/** What a .torrent says of itself, in a list. */
export function TorrentFactList({ report }: { report: TorrentReport }) {
  const { torrent, magnet, magnet_v1 } = report
  return (
    <dl class="facts">
      <dt>Version</dt>
      <dd>{VERSIONS[torrent.version]}</dd>
      <dt>Info hash</dt>
      <dd>
        {torrent.info_hash === null ? (
          <Missing word="no v1 info hash" />
        ) : (
          <CopyCode text={torrent.info_hash} what="the v1 info hash" />
        )}
      </dd>
      <dt>Info hash v2</dt>
      <dd>
        {torrent.info_hash_v2 === null ? (
          <Missing word="no v2 info hash" />
        ) : (
          <CopyCode text={torrent.info_hash_v2} what="the v2 info hash" />
        )}
      </dd>
      <dt>Size</dt>
      <dd>
        {formatBytes(torrent.size_bytes)}{' '}
        <span class="quiet-text">({formatCount(torrent.size_bytes)} bytes)</span>
      </dd>
      <dt>Pieces</dt>
      <dd>
        {formatCount(torrent.piece_count)} of {formatBytes(torrent.piece_length)}
      </dd>
      <dt>Private</dt>
      <dd>{torrent.private ? 'yes: no listing may have this flag' : 'no'}</dd>
      <dt>Comment</dt>
      <dd>
        {torrent.comment === null ? <Missing word="none" /> : <SafeText text={torrent.comment} lines />}
      </dd>
      <dt>Made by</dt>
      <dd>
        {torrent.created_by === null ? <Missing word="not said" /> : <SafeText text={torrent.created_by} />}
        {torrent.creation_date === null
          ? null
          : `, ${formatMinute(new Date(torrent.creation_date * 1000).toISOString())}`}
      </dd>
      <dt>Magnet</dt>
      <dd>
        <CopyCode text={magnet} what="the magnet" />
      </dd>
      {magnet_v1 === null || torrent.version === 'v1' ? null : (
        <>
          <dt>Magnet, v1</dt>
          <dd>
            <CopyCode text={magnet_v1} what="the magnet for older clients" />
          </dd>
        </>
      )}
    </dl>
  )
}

function TorrentKnown({ known, act }: { known: KnownState; act: InspectActions }) {
  const matches = matchesOf(known)
  return (
    <Panel title="Is it known?" code="asked by 5 digits" kind="known" id="known">
      <div class="known-answer" role="status">
        {known.phase === 'none' || known.phase === 'asking' ? (
          <p>Asking by the first five digits of the info hash …</p>
        ) : known.phase === 'failed' ? (
          <>
            <State word={{ text: 'Could not be asked', tone: 'warn' }} />
            <p>The site did not answer: {known.message}.</p>
            <button type="button" class="button button-small" onClick={() => act.askAgain()}>
              Ask again
            </button>
          </>
        ) : matches.length === 0 ? (
          <>
            <p class="result-word tone-warn">Unknown</p>
            <p>No listing has this info hash. That says nothing for or against it.</p>
          </>
        ) : (
          <>
            <p class="result-word tone-ok">Listed</p>
            <ul class="known-matches">
              {matches.map((match) => (
                <Match match={match} key={match.id} />
              ))}
            </ul>
          </>
        )}
      </div>
    </Panel>
  )
}

function Announced({ report: { torrent } }: { report: TorrentReport }) {
  return (
    <>
      <Panel title="Trackers" code={`${formatCount(torrent.trackers.flat().length)} named`} id="trackers">
        <TrackerList tiers={torrent.trackers} />
      </Panel>
      <Panel title="Web seeds" code={`${formatCount(torrent.web_seeds.length)} named`} id="web-seeds">
        <WebSeedList urls={torrent.web_seeds} />
        <Ignored ignored={torrent.ignored} />
      </Panel>
    </>
  )
}

export function TrackerList({ tiers }: { tiers: readonly (readonly string[])[] }) {
  if (tiers.length === 0) return <Missing word="none: peers are found by DHT alone" />
  return (
    <ol class="plain">
      {tiers.slice(0, 100).map((tier, index) => (
        <li key={index}>
          {tiers.length === 1 ? null : <span class="quiet-text">Tier {index + 1}</span>}
          <ul>
            {tier.slice(0, 100).map((url) => (
              <li class="mono" key={url}>
                <SafeText text={url} limit={1_000} />
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ol>
  )
}

export function WebSeedList({ urls }: { urls: readonly string[] }) {
  if (urls.length === 0) return <Missing word="none" />
  return (
    <ul class="plain">
      {urls.slice(0, 100).map((url) => (
        <li class="mono" key={url}>
          <SafeText text={url} limit={2_000} />
        </li>
      ))}
    </ul>
  )
}

export function Ignored({ ignored }: { ignored: TorrentReport['torrent']['ignored'] }) {
  if (ignored.length === 0) return null
  return (
    <ul class="findings">
      {ignored.slice(0, 50).map(({ field, reason }, index) => (
        <li class="finding finding-warn" key={index}>
          <State word={{ text: 'Set aside', tone: 'warn' }} /> <code>{field}</code>:{' '}
          <SafeText text={reason} limit={300} />
        </li>
      ))}
    </ul>
  )
}

function TorrentFiles({ report: { torrent } }: { report: TorrentReport }) {
  return (
    <Panel title="Files" code={`${formatCount(torrent.files.length)} in the torrent`} kind="wide" id="files">
      <Paged rows={torrent.files} noun="files" filter="">
        {(shown) => (
          <div class="scroll" tabIndex={0} role="region" aria-label="Files of the torrent">
            <table class="files rows">
              <thead>
                <tr>
                  <th scope="col">File</th>
                  <th scope="col" class="right">
                    Size
                  </th>
                  <th scope="col">v2 root</th>
                </tr>
              </thead>
              <tbody>
                {shown.map(({ path, size_bytes, pieces_root }) => (
                  <tr key={path}>
                    <th scope="row" class="mono">
                      <SafeText text={path} limit={1_100} />
                    </th>
                    <td class="right">
                      <span title={`${formatCount(size_bytes)} bytes`}>{formatBytes(size_bytes)}</span>
                    </td>
                    <td>
                      {pieces_root === null ? (
                        <Missing word={size_bytes === 0 ? 'empty file' : 'v1 has none'} />
                      ) : (
                        <CopyCode text={pieces_root} what={`the v2 root of ${path}`} />
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Paged>
    </Panel>
  )
}

/** A .torrent that the strict parser refuses: by which rule, and what to do. */
export function TorrentRefusedView({ report }: { report: TorrentRefusal }) {
  return (
    <Panel title="Refused .torrent" code={<code>{report.code}</code>} kind="torrent-refused" id="torrent">
      <TorrentRefusalList report={report} />
    </Panel>
  )
}

/** Why a .torrent is refused, in a list. */
export function TorrentRefusalList({ report }: { report: TorrentRefusal }) {
  const { file, code, message, field, expected, found } = report
  return (
    <>
      <p class="proof-word">
        <State word={{ text: 'This .torrent cannot be listed', tone: 'bad' }} />
      </p>
      <dl class="facts">
        <dt>File</dt>
        <dd>
          <SafeText text={file.name} limit={200} /> <span class="quiet-text">({formatBytes(file.size)})</span>
        </dd>
        <dt>Why</dt>
        <dd>
          <SafeText text={message} limit={600} />
        </dd>
        {field === null ? null : (
          <>
            <dt>Where</dt>
            <dd class="mono">
              <SafeText text={field} limit={200} />
            </dd>
          </>
        )}
        {expected === null ? null : (
          <>
            <dt>Expected</dt>
            <dd>
              <SafeText text={expected} limit={300} />
            </dd>
          </>
        )}
        {found === null ? null : (
          <>
            <dt>Found</dt>
            <dd>
              <SafeText text={found} limit={300} />
            </dd>
          </>
        )}
        <dt>What to do</dt>
        <dd>{adviceFor(code)}</dd>
      </dl>
    </>
  )
}
