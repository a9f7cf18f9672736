import { DemoMark, Missing, Panel, State, TierWord } from '../../components/bits.tsx'
import { CONSENSUS_TONES, STATUS_WORDS } from '../../components/wording.ts'
import type { IdentifyMatch } from '../../page-types.ts'
import { formatBytes, formatCount } from '../format.ts'
import { CopyCode } from './copy-code.tsx'
import type { FileDigests } from './report.ts'
import { SafeText } from './safe-text.tsx'
import {
  matchesOf,
  wholeMatches,
  type HashState,
  type InspectActions,
  type InspectState,
  type KnownState,
} from './state.ts'

/** The file's digests as they come in, and whether the site knows them. */
export function KnownPanel({ state, act }: { state: InspectState; act: InspectActions }) {
  return (
    <Panel title="Is it known?" code="read here, not uploaded" kind="known" id="known">
      <Hashing hash={state.hash} act={act} />
      {state.hash.phase === 'done' ? (
        <>
          <Answer known={state.known} several={state.hash.digests.length > 1} act={act} />
          <Digests digests={state.hash.digests} />
        </>
      ) : null}
    </Panel>
  )
}

function Hashing({ hash, act }: { hash: HashState; act: InspectActions }) {
  switch (hash.phase) {
    case 'running':
      return (
        <div class="run">
          <p>Working out SHA-256 and MD5 …</p>
          <progress max={1000} value={hash.permille} aria-label="Hashing" />
          <p class="run-figures mono">{hash.figures}</p>
          <button type="button" class="button button-small" onClick={() => act.cancel()}>
            Cancel
          </button>
        </div>
      )
    case 'cancelled':
      return (
        <div class="stacked-small">
          <p>Cancelled: the file was not hashed, so nothing says whether it is known.</p>
          <button type="button" class="button button-small" onClick={() => act.hashAgain()}>
            Hash it
          </button>
        </div>
      )
    case 'failed':
      return (
        <div class="stacked-small">
          <p class="tone-bad">
            Cannot hash the file: {hash.message}. Choose it again if it was moved or changed.
          </p>
          <button type="button" class="button button-small" onClick={() => act.hashAgain()}>
            Try again
          </button>
        </div>
      )
    case 'none':
    case 'done':
    default:
      return null
  }
}

function Answer({ known, several, act }: { known: KnownState; several: boolean; act: InspectActions }) {
  return (
    <div class="known-answer" role="status">
      <AnswerBody known={known} several={several} act={act} />
    </div>
  )
}

function AnswerBody({ known, several, act }: { known: KnownState; several: boolean; act: InspectActions }) {
  if (known.phase === 'none' || known.phase === 'asking') return <p>Asking by the first five digits …</p>
  if (known.phase === 'failed')
    return (
      <>
        <State word={{ text: 'Could not be asked', tone: 'warn' }} />
        <p>The site did not answer: {known.message}. The digests below are right all the same.</p>
        <button type="button" class="button button-small" onClick={() => act.askAgain()}>
          Ask again
        </button>
      </>
    )
  const whole = wholeMatches(known)
  if (whole.length > 0) return <Matches matches={whole} word="Exactly this listing" tone="ok" />
  const partly = matchesOf(known)
  if (partly.length > 0)
    return (
      <Matches matches={partly} word={several ? 'Only some of the files are known' : 'Known'} tone="warn" />
    )
  if (known.found.some(({ state }) => state === 'unclear'))
    return (
      <>
        <State word={{ text: 'Cannot tell', tone: 'warn' }} />
        <p>Too many listed files begin with the same digits. Search for the SHA-256 itself.</p>
      </>
    )
  return (
    <>
      <p class="result-word tone-warn">Unknown</p>
      <p>No listing has exactly these bytes. That says nothing for or against the file.</p>
    </>
  )
}

function Matches({ matches, word, tone }: { matches: IdentifyMatch[]; word: string; tone: 'ok' | 'warn' }) {
  const good = matches.some(({ status }) => status === 'published')
  return (
    <>
      <p class={`result-word tone-${good ? tone : 'bad'}`}>{word}</p>
      <ul class="known-matches">
        {matches.map((match) => (
          <Match match={match} key={match.id} />
        ))}
      </ul>
    </>
  )
}

/** A listing in a few words, with its badge; never better than what the listing itself shows. */
export function Match({ match }: { match: IdentifyMatch }) {
  return (
    <li class="known-match">
      <p class="known-name">
        <a href={match.url}>{match.model}</a> {match.demo ? <DemoMark /> : null}
      </p>
      <p class="known-words">
        <TierWord tier={match.tier} />
        <State word={STATUS_WORDS[match.status]} />
        <State word={{ text: match.consensus, tone: CONSENSUS_TONES[match.consensus] }} />
      </p>
      <p class="quiet-text">
        <SafeText text={match.path} limit={300} />, by @{match.uploader}
      </p>
    </li>
  )
}

function Digests({ digests }: { digests: readonly FileDigests[] }) {
  return (
    <>
      {digests.map(({ name, size, sha256, md5 }) => (
        <dl class="facts digests" key={name}>
          {digests.length === 1 ? null : (
            <>
              <dt>File</dt>
              <dd>
                <SafeText text={name} limit={300} />
              </dd>
            </>
          )}
          <dt>Size</dt>
          <dd>
            {formatBytes(size)} <span class="quiet-text">({formatCount(size)} bytes)</span>
          </dd>
          <dt>SHA256</dt>
          <dd>
            {sha256 === '' ? (
              <Missing word="not worked out" />
            ) : (
              <CopyCode text={sha256} what="the SHA-256" />
            )}
          </dd>
          <dt>MD5</dt>
          <dd>
            <CopyCode text={md5} what="the MD5" />
          </dd>
        </dl>
      ))}
    </>
  )
}
