import { useMemo } from 'preact/hooks'
import { State } from '../../components/bits.tsx'
import { formatBytes, formatCount } from '../format.ts'
import { Match } from '../inspect/known-panel.tsx'
import { SafeText } from '../inspect/safe-text.tsx'
import { isRefusedMatch, matchesOf, type KnownState } from '../inspect/state.ts'
import {
  Ignored,
  TorrentFactList,
  TorrentRefusalList,
  TrackerList,
  WebSeedList,
} from '../inspect/torrent-view.tsx'
import { VERDICTS } from '../inspect/verdict.ts'
import type { LocalActions, LocalState } from './state.ts'

interface LocalViewProps {
  state: LocalState
  act: LocalActions
}

/** What the form is filled in from: the model file, its .torrent, or both; read here, not uploaded. */
export function LocalView({ state, act }: LocalViewProps) {
  return (
    <>
      <label class="drop drop-many">
        <span>
          Choose your model file (all shards of a split one), its .torrent, or both; or drop them anywhere on
          this page
        </span>
        <input
          type="file"
          multiple
          data-part="input"
          onChange={(event) => {
            const files = [...(event.currentTarget.files ?? [])]
            // Cleared so that choosing the same file again asks again.
            event.currentTarget.value = ''
            act.take(files)
          }}
        />
        <span class="quiet-text">
          One read works out size, SHA-256 and MD5, proves the label and makes the .torrent.
        </span>
      </label>
      <Run state={state} act={act} />
      <Found state={state} />
    </>
  )
}

function Run({ state: { hash }, act }: LocalViewProps) {
  if (hash.phase !== 'running') return null
  return (
    <div class="run" data-part="run">
      <progress max={1000} value={hash.permille} aria-label="Hashing" />
      <p class="run-figures mono">{hash.figures}</p>
      <button type="button" class="button button-small" onClick={() => act.cancel()}>
        Cancel
      </button>
    </div>
  )
}

function Found({ state }: { state: LocalState }) {
  const { model, torrent, notes, made, notMade, aside, known, knownTorrent } = state
  const said = sayingOf(state)
  const torrentFacts = useMemo(
    () =>
      torrent === null ? null : torrent.kind === 'torrent-refused' ? (
        <TorrentRefusalList report={torrent} />
      ) : (
        <details class="local-torrent" open>
          <summary>The .torrent: {torrent.file.name.slice(0, 120)}</summary>
          <TorrentFactList report={torrent} />
          <dl class="facts">
            <dt>Files</dt>
            <dd>
              <ul class="plain">
                {torrent.torrent.files.slice(0, 10).map(({ path, size_bytes }) => (
                  <li key={path}>
                    <SafeText text={path} limit={300} />{' '}
                    <span class="quiet-text">{formatBytes(size_bytes)}</span>
                  </li>
                ))}
              </ul>
              {torrent.torrent.files.length > 10
                ? `and ${formatCount(torrent.torrent.files.length - 10)} more`
                : null}
            </dd>
            <dt>Trackers</dt>
            <dd>
              <TrackerList tiers={torrent.torrent.trackers} />
            </dd>
            <dt>Web seeds</dt>
            <dd>
              <WebSeedList urls={torrent.torrent.web_seeds} />
            </dd>
          </dl>
          <Ignored ignored={torrent.torrent.ignored} />
        </details>
      ),
    [torrent],
  )
  return (
    <div class="local-found">
      <p role="status" aria-live="polite" data-part="result" class={said === '' ? 'sr' : undefined}>
        {said}
      </p>
      {aside === null ? null : <p class="quiet-text">{aside}</p>}
      {model === null ? null : <Verdict state={state} />}
      {notes.length === 0 ? null : (
        <ul class="findings" aria-label="Before you send it">
          {notes.map(({ tone, text }) => (
            <li class={`finding finding-${NOTE_CLASSES[tone]}`} key={text}>
              <State word={{ text: NOTE_WORDS[tone], tone }} /> <SafeText text={text} limit={400} />
            </li>
          ))}
        </ul>
      )}
      <Listed known={known} what="file" />
      <Listed known={knownTorrent} what="torrent" />
      {made === null ? null : (
        <p class="local-made">
          <a class="button button-file" href={made.url} download={`${made.name}.torrent`}>
            Save {made.name.slice(0, 80)}.torrent
          </a>
          <span class="quiet-text">
            Made here: hybrid, {formatCount(made.piece_count)} pieces of {formatBytes(made.piece_length)}.{' '}
            {made.attached
              ? 'It is attached to the form; save it too, to seed with it.'
              : 'Save it to seed with it.'}
          </span>
        </p>
      )}
      {notMade === null ? null : (
        <p class="tone-warn">
          No .torrent could be made: <SafeText text={notMade} limit={400} />
        </p>
      )}
      {torrentFacts}
    </div>
  )
}

const NOTE_WORDS = { ok: 'Fits', info: 'Note', warn: 'Look again', bad: 'Wrong' } as const
const NOTE_CLASSES = { ok: 'ok', info: 'info', warn: 'warn', bad: 'reject' } as const

function sayingOf({ phase, failure, hash, filled, model, torrent }: LocalState): string {
  if (phase === 'reading') return 'Reading …'
  if (phase === 'failed') return `Cannot read it: ${failure}. Choose it again if it was moved or changed.`
  if (hash.phase === 'failed') return `Cannot hash the file: ${hash.message}.`
  if (hash.phase === 'cancelled') return 'Cancelled: size and checksums were not filled in.'
  const name = (model?.files[0] ?? torrent?.file)?.name.slice(0, 120) ?? 'the file'
  const fields = filled.map((field) => field.replaceAll('_', ' ')).join(', ')
  return filled.length === 0 ? '' : `Filled in from ${name}: ${fields}.`
}

function Verdict({ state: { model } }: { state: LocalState }) {
  if (model === null) return null
  const { inspection } = model
  const { word, tone } = VERDICTS[inspection.verdict]
  const others = inspection.findings.filter(({ severity }) => severity === 'warn').length
  return (
    <p class="proof-word">
      <State word={{ text: word, tone }} />
      <span class="quiet-text">
        {' '}
        {inspection.architecture === null ? '' : <SafeText text={inspection.architecture} limit={40} />}
        {inspection.quantisation === null || inspection.quantisation.total === 0
          ? ''
          : `, ${formatCount(inspection.quantisation.matched)} of ${formatCount(inspection.quantisation.total)} tensors match`}
        {others === 0 ? '' : `, ${formatCount(others)} ${others === 1 ? 'warning' : 'warnings'}`}.{' '}
        <a href="/inspect" target="_blank" rel="noreferrer">
          See everything in the inspector<span class="sr"> (opens in a new tab)</span>
        </a>
      </span>
    </p>
  )
}

/** A duplicate is told as soon as a hash is known, before anything is sent. */
function Listed({ known, what }: { known: KnownState; what: 'file' | 'torrent' }) {
  const matches = matchesOf(known)
  if (matches.length === 0)
    return known.phase === 'failed' ? (
      <p class="tone-warn">
        Whether this {what} is listed already could not be asked: {known.message}.
      </p>
    ) : null
  const blocks = matches.some(
    ({ status }) => status === 'published' || status === 'suspended' || status === 'pending',
  )
  const refused = matches.some(isRefusedMatch)
  return (
    <div class={`notice notice-${refused || blocks ? 'bad' : 'warn'} local-listed`} role="alert">
      <div>
        <h3 class="label">{refused ? `This ${what} was refused here` : `This ${what} is listed already`}</h3>
        <p>
          {blocks
            ? 'A second listing of it will not be taken.'
            : 'It can be submitted again; the reviewer sees what became of it before.'}
        </p>
        <ul class="known-matches">
          {matches.slice(0, 5).map((match) => (
            <Match match={match} key={match.id} />
          ))}
        </ul>
      </div>
    </div>
  )
}
