import type { JudgeVerdict, Judges } from '../../core/events.ts'
import { formatBytes, formatCount, formatParameters } from '../islands/format.ts'
import type { ModelItem } from '../page-types.ts'
import { DemoMark, State, TierWord } from './bits.tsx'
import { Hex, tierIcon } from './icons.tsx'
import {
  checksumWord,
  CONSENSUS_TONES,
  isRefused,
  JUDGES,
  judgesPassed,
  quantisationWord,
  signatureWord,
  SOURCE_WORDS,
  STATUS_WORDS,
  VERDICT_WORDS,
  warningWord,
} from './wording.ts'

const SHOWN_TAGS = 3

/** Rows of models under a heading that the page gives. */
export function ListingRows({ items }: { items: ModelItem[] }) {
  return (
    <ol class="rows">
      {items.map((item) => (
        <ListingRow model={item} key={item.id} />
      ))}
    </ol>
  )
}

/** One dense row: badge, name, quantisation and its proof, size, swarm, evidence. */
export function ListingRow({ model }: { model: ModelItem }) {
  const shown = model.status === 'published'
  const danger = (!shown && model.status !== 'pending') || isRefused(model.consensus)
  const quantisation = quantisationWord(model)
  const warning = warningWord(model)
  return (
    <li class={`row${danger ? ' row-hidden' : ''}`}>
      <Hex of={danger ? 'hidden' : model.tier} icon={danger ? 'block' : tierIcon(model.tier)} />
      <div class="row-name">
        <a class="row-link" href={model.url}>
          {model.model}
        </a>
        <p class="row-by">
          <TierWord tier={model.tier} />
          {shown ? null : <State word={STATUS_WORDS[model.status]} small />}
          {model.demo ? <DemoMark /> : null}
          <span>
            By <a href={`/members/${model.uploader.handle}`}>@{model.uploader.handle}</a>
          </span>
          <span>
            {model.verified_by.length > 0
              ? `Verified by ${model.verified_by.map((name) => `@${name}`).join(', ')}`
              : 'Not verified'}
          </span>
        </p>
        <p class="row-tags">
          <span class="row-source">
            {model.source.repository === null
              ? SOURCE_WORDS[model.source.type]
              : `claims ${model.source.repository}`}
          </span>
          {model.tags.slice(0, SHOWN_TAGS).map((tag) => (
            <a href={`/?tag=${encodeURIComponent(tag)}`} key={tag}>
              {tag}
            </a>
          ))}
          {model.tags.length > SHOWN_TAGS ? <span>+{model.tags.length - SHOWN_TAGS}</span> : null}
        </p>
      </div>
      <div class="row-quant">
        <b class={`tone-${quantisation.proof.tone}`}>{quantisation.name}</b>
        <State word={quantisation.proof} small />
      </div>
      <div class="row-size">
        <b>{formatBytes(model.size_bytes)}</b>
        <small>
          {model.parameters === null ? 'parameters —' : `${formatParameters(model.parameters)} parameters`}
        </small>
      </div>
      <SwarmFigures model={model} />
      <div class="row-state">
        <Verdict consensus={model.consensus} judges={model.verification} />
        <State word={checksumWord(model)} small />
        {warning === null ? (
          <State word={signatureWord(model.signature)} small />
        ) : (
          <span class={`warning tone-${warning.tone}`}>
            <State word={{ text: warning.text, tone: warning.tone === 'bad' ? 'bad' : 'warn' }} small />
          </span>
        )}
      </div>
    </li>
  )
}

/** Seeders, leechers and downloads as scraped, with the time and the tracker; dashes where never scraped. `whole` is for a page of its own. */
export function SwarmFigures({ model, whole }: { model: Pick<ModelItem, 'swarm' | 'dht'>; whole?: boolean }) {
  const { swarm, dht } = model
  const cells = [
    ['seeders', swarm?.seeders],
    ['leechers', swarm?.leechers],
    ['downloads', swarm?.completed],
  ] as const
  return (
    <div class={`swarm${swarm?.stale ? ' swarm-stale' : ''}`}>
      <dl class="swarm-figures">
        {cells.map(([word, count]) => (
          <div class={`swarm-${word}`} key={word}>
            <dt>{word}</dt>
            <dd>{count === undefined ? '—' : formatCount(count)}</dd>
          </div>
        ))}
      </dl>
      <small class="as-of">
        {swarm === null ? (
          'not scraped yet'
        ) : (
          <>
            <Seen at={swarm.as_of} stale={swarm.stale} />
            {whole ? (
              <>
                , from <code>{swarm.tracker}</code>
              </>
            ) : null}
          </>
        )}
      </small>
      {whole && dht ? (
        <small class="as-of">
          DHT, estimated: {counted(dht.seeders, 'seeder')}, {counted(dht.leechers, 'leecher')},{' '}
          <Seen at={dht.as_of} stale={dht.stale} />
        </small>
      ) : null}
    </div>
  )
}

function counted(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`
}

/** The year only where it may be another, and there the minute is of no interest. */
function Seen({ at, stale }: { at: string; stale: boolean }) {
  return (
    <>
      {stale ? 'not current: seen ' : 'as of '}
      <time datetime={at}>{stale ? at.slice(0, 10) : `${at.slice(5, 10)} ${at.slice(11, 16)} UTC`}</time>
    </>
  )
}

const CELL_LETTERS = { integrity: 'I', form: 'F', behaviour: 'B' } as const
const CELL_SIGNS: Record<JudgeVerdict, 'check' | 'cross' | 'dash' | 'clock'> = {
  pass: 'check',
  fail: 'cross',
  skipped: 'dash',
  pending: 'clock',
}

/** The consensus in small: three cells and the word. */
export function Verdict({ consensus, judges }: { consensus: ModelItem['consensus']; judges: Judges }) {
  const said = JUDGES.map((judge) => `${judge} ${VERDICT_WORDS[judges[judge]].text.toLowerCase()}`).join(', ')
  return (
    <span class={`verdict tone-${CONSENSUS_TONES[consensus]}`}>
      <svg class="cells" viewBox="0 0 62 22" width="62" height="22" aria-hidden="true">
        {JUDGES.map((judge, index) => (
          <g key={judge} class={`cell cell-${judges[judge]}`} transform={`translate(${index * 21} 0)`}>
            <path d="M10 .5 19.5 5.7V16.3L10 21.5.5 16.3V5.7Z" />
            <use href={`#i-${CELL_SIGNS[judges[judge]]}`} x="5" y="6" width="10" height="10">
              <title>{CELL_LETTERS[judge]}</title>
            </use>
          </g>
        ))}
      </svg>
      <b>{consensus}</b>
      <small>
        {judgesPassed(judges)}/3<span class="sr">: {said}</span>
      </small>
    </span>
  )
}
