import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { h } from 'preact'
import { alarmOf } from '../src/web/components/alarm.ts'
import { listingUrl } from '../src/web/components/listing-url.ts'
import { trackersOf } from '../src/web/components/trackers.ts'
import {
  checksumWord,
  conditionFigures,
  quantisationWord,
  signatureWord,
  warningWord,
} from '../src/web/components/wording.ts'
import { assetUrl } from '../src/web/assets.ts'
import { HomePage, ModelPage, renderPage, SubmitPage } from '../src/web/pages/index.ts'
import { isQalError } from '../src/core/error.ts'
import { allPages } from './fixtures/all-pages.ts'
import { buildClient } from './fixtures/client.ts'
import {
  COMMUNITY,
  CONTEXT,
  MISLABELLED,
  model,
  OFFICIAL,
  PENDING,
  SUSPENDED,
  TRUSTED,
  UNVERIFIED,
} from './fixtures/listing-fixtures.ts'
import { LISTING, modelPage } from './fixtures/page-fixtures.ts'

let client: Awaited<ReturnType<typeof buildClient>>
let pages: Record<string, string>
before(async () => {
  client = await buildClient()
  pages = allPages()
})
after(() => client.remove())

function page(name: string): string {
  const html = pages[name]
  assert.ok(html !== undefined, `a page ${name}`)
  return html
}

const textOf = (html: string): string =>
  html
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('&amp;', '&')

describe('when a page is rendered', () => {
  it('is a whole document that the strict policy allows', () => {
    for (const [name, html] of Object.entries(pages)) {
      assert.match(html, /^<!doctype html><html lang="en"><head><meta charset="utf-8"\/>/, name)
      assert.match(html, /<title>[^<]+<\/title>/, name)
      assert.match(html, /<main id="main"/, name)
      assert.doesNotMatch(html, /\sstyle="/, `${name}: no inline style`)
      assert.doesNotMatch(html, /\son[a-z]+="/i, `${name}: no inline handler`)
      assert.doesNotMatch(html, /<style/, `${name}: no inline style sheet`)
      for (const [tag] of html.matchAll(/<script[^>]*>/g))
        assert.match(tag, /^<script type="module" src="\/assets\/[\w-]+\.js">$/, name)
      for (const [, url] of html.matchAll(/(?:src|href)="([^"]*)"/g))
        assert.doesNotMatch(url ?? '', /^(?:javascript|data):/i, name)
    }
  })

  it('takes nothing from another site', () => {
    for (const [name, html] of Object.entries(pages))
      for (const [tag] of html.matchAll(/<(?:link|script|img|iframe|use)[^>]*>/g))
        if (!/rel="canonical"/.test(tag)) assert.doesNotMatch(tag, /(?:src|href)="(?:https?:)?\/\//, name)
  })

  it('keeps hostile text as text', () => {
    const hostile = '"><img src=x onerror=alert(1)>'
    const html = renderPage(
      h(ModelPage, {
        ...modelPage(model({ model: hostile, tags: [], hardware: hostile, licence: hostile })),
        notice: hostile,
      }),
    )
    assert.doesNotMatch(html, /<img/)
    assert.ok(html.includes('&lt;img src=x'))
  })

  it('fails with a code where the browser files are not built', () => {
    const built = process.env['QAL_CLIENT_DIR']
    try {
      process.env['QAL_CLIENT_DIR'] = '/nonexistent'
      assert.throws(
        () => assetUrl('src/web/styles/main.css'),
        (error) => isQalError(error) && error.code === 'http_assets_missing',
      )
    } finally {
      process.env['QAL_CLIENT_DIR'] = built
    }
    assert.throws(
      () => assetUrl('src/web/nothing.ts'),
      (error) => isQalError(error) && error.code === 'http_assets_missing',
    )
    assert.match(assetUrl('src/web/styles/main.css'), /^\/assets\/main-[\w-]+\.css$/)
  })
})

/** The words of a listing's title card. */
function titleOf(listing: typeof TRUSTED): string {
  const html = renderPage(h(ModelPage, modelPage(listing)))
  const from = html.indexOf('class="title-card"')
  return textOf(html.slice(from, html.indexOf('</header>', from)))
}

describe('when the swarm was asked', () => {
  it('says who said what, and when; the DHT’s estimate apart', () => {
    const text = titleOf(TRUSTED)
    assert.match(text, /as of 02-14 14:05 UTC , from udp:\/\/tracker\.example/)
    assert.match(text, /DHT, estimated: 131 seeders, 16 leechers, as of 02-14 11:20 UTC/)
    assert.match(
      titleOf({ ...TRUSTED, swarm: null }),
      /seeders — leechers — downloads — not scraped yet DHT, estimated/,
    )
    assert.doesNotMatch(titleOf({ ...TRUSTED, dht: null }), /DHT/)
  })
  it('says that what was seen long ago is not the state of now', () => {
    assert.match(titleOf(COMMUNITY), /not current: seen 2026-02-11/)
    assert.doesNotMatch(titleOf(COMMUNITY), /as of/)
    const old = { ...TRUSTED.dht, seeders: 1, leechers: 2, as_of: '2025-12-31T23:59:59.000Z', stale: true }
    assert.match(titleOf({ ...TRUSTED, dht: old }), /1 seeder, 2 leechers, not current: seen 2025-12-31/)
    const rows = renderPage(h(HomePage, { ...LISTING, items: [COMMUNITY, TRUSTED] }))
    assert.match(textOf(rows), /not current: seen 2026-02-11.*as of 02-14 14:05 UTC/)
  })
})

describe('when a listing was not checked', () => {
  it('is never shown as good', () => {
    assert.deepEqual(
      [OFFICIAL, TRUSTED, COMMUNITY, UNVERIFIED, MISLABELLED, SUSPENDED].map(
        (each) => warningWord(each)?.text ?? null,
      ),
      [null, null, 'Verify checksum', 'Download at own risk', 'Wrong quantisation', 'Do not run this file'],
    )
    assert.deepEqual(
      (['pass', 'fail', 'skipped', 'pending'] as const).map(
        (integrity) => checksumWord({ verification: { integrity, form: 'pass', behaviour: 'pass' } }).tone,
      ),
      ['ok', 'bad', 'warn', 'warn'],
    )
    const signed = (
      ['good', 'none', 'unchecked', 'unknown_key', 'expired', 'weak', 'revoked', 'bad'] as const
    ).map((state) => signatureWord({ state, fingerprint: null, blob: null }).tone)
    assert.deepEqual(signed, ['ok', 'quiet', 'warn', 'warn', 'bad', 'bad', 'bad', 'bad'])
    const proofs = (['exact', 'variant', 'mislabelled', 'unknown', 'unverified'] as const).map(
      (match) =>
        quantisationWord({ ...OFFICIAL, quantisation: { ...OFFICIAL.quantisation, match } }).proof.tone,
    )
    assert.deepEqual(proofs, ['ok', 'warn', 'bad', 'warn', 'warn'])
    // What was proven of other bytes is not proven of the listed ones.
    const torn = { ...OFFICIAL, verification: { ...OFFICIAL.verification, integrity: 'fail' as const } }
    assert.equal(quantisationWord(torn).proof.tone, 'bad')
  })

  it('has no green chamber, no green state and says what is missing', () => {
    const html = page('model-unverified')
    assert.doesNotMatch(html, /is-pass|link-lit|stamp-verified/)
    assert.equal(html.match(/is-pending/g)?.length, 3)
    const trust = html.slice(html.indexOf('id="trust"'), html.indexOf('Get it'))
    // The one green word there is that a reviewer published it.
    assert.deepEqual(
      [...trust.matchAll(/tone-ok[^>]*>(?:<svg.*?<\/svg>)([^<]*)/g)].map(([, word]) => word),
      ['Published'],
    )
    assert.match(textOf(html), /nobody yet/)
    assert.match(textOf(html), /not scraped yet/)
    assert.match(html, /<dd>—<\/dd>/)
  })

  it('shows a skipped judge hatched, not green', () => {
    const html = page('model-signed-in')
    assert.match(html, /chamber-behaviour is-skipped/)
    assert.match(textOf(html), /it was not run \(2 of 3\)/)
  })
})

describe('when a published listing is refused or disputed', () => {
  const failed = {
    ...OFFICIAL.verifications[0],
    judges: { integrity: 'fail', form: 'pass', behaviour: 'skipped' },
    recommendation: { decision: 'reject', reasons: ['The SHA-256 is not the listed one'] },
  }
  const judges = { integrity: 'fail', form: 'pass', behaviour: 'skipped' } as const
  for (const [consensus, verification] of [
    ['REFUSED', judges],
    ['REFUSED', OFFICIAL.verification],
    ['SPLIT', OFFICIAL.verification],
  ] as const)
    it(`${consensus} with integrity ${verification.integrity}: nothing is green, the row is hatched, the reason is said`, () => {
      const listing = model({
        consensus,
        verification,
        status_reasons: ['Approved by a reviewer'],
        verifications: [failed as (typeof OFFICIAL.verifications)[number]],
      })
      const row = renderPage(h(HomePage, { ...LISTING, items: [listing] }))
      assert.match(row, /class="row row-hidden"/)
      const quantisation = row.slice(row.indexOf('row-quant'), row.indexOf('row-size'))
      assert.doesNotMatch(quantisation, /tone-ok/)
      assert.match(quantisation, /not proven/)
      const html = renderPage(h(ModelPage, modelPage(listing)))
      const proof = html.slice(html.indexOf('proof-word'), html.indexOf('Architecture'))
      assert.doesNotMatch(proof, /tone-ok|rail-on/)
      assert.match(
        proof,
        verification.integrity === 'fail' ? /these are not the published bytes/ : /Not proven/,
      )
      assert.ok(alarmOf(listing)?.what.includes('The SHA-256 is not the listed one'))
    })
})

describe('when a listing is dangerous', () => {
  const cases = [
    ['mislabelled', MISLABELLED, 'Mislabelled'],
    ['suspended', SUSPENDED, 'Suspended'],
    ['removed', model({ status: 'removed' }), 'Removed'],
    ['refused', model({ consensus: 'REFUSED' }), 'Refused'],
    ['split', model({ consensus: 'SPLIT', status: 'suspended' }), 'Split'],
    ['rejected', model({ status: 'rejected' }), 'Rejected'],
    ['bad signature', model({ signature: { state: 'bad', fingerprint: null, blob: null } }), 'Bad signature'],
    ['revoked', model({ signature: { state: 'revoked', fingerprint: null, blob: null } }), 'Key revoked'],
    ['verified', OFFICIAL, null],
    ['pending', PENDING, null],
    ['withdrawn', model({ status: 'withdrawn' }), null],
  ] as const
  for (const [name, listing, word] of cases)
    it(`${name}: ${word === null ? 'raises no alarm' : `opens with ${word}`}`, () => {
      assert.equal(alarmOf(listing)?.word ?? null, word)
      const html = renderPage(h(ModelPage, modelPage(listing)))
      const main = html.slice(html.indexOf('<main'))
      assert.equal(/^<main[^>]*><section class="broadcast"/.test(main), word !== null)
      if (word === null) return
      assert.doesNotMatch(html, /data-island="download-here"/)
      assert.match(html, /<details class="danger-links">/)
    })

  it('says the reason and what to do, and asks not to be indexed', () => {
    const html = page('model-mislabelled')
    const text = textOf(html)
    assert.match(text, /The label says Q4_K_M; the tensors are Q8_0/)
    assert.match(text, /Do not use it under this label/)
    assert.match(text, /please submit it as Q8_0/)
    assert.match(html, /<meta name="robots" content="noindex"\/>/)
    assert.doesNotMatch(html, /rel="canonical"/)
  })
})

describe('when a page works without scripts', () => {
  it('says beside the .torrent field what was wrong with it, and that it has to be chosen again', () => {
    const html = page('submit-torrent-refused')
    assert.match(html, /id="torrent-error">The \.torrent has no info dictionary\.</)
    assert.match(html, /id="torrent-hint">[^<]*Choose the file again/)
    assert.doesNotMatch(html, /a value/)
  })

  it('says who is signed in, and that an empty demo is being made', () => {
    assert.match(textOf(page('sign-in-again')), /You are signed in as @/)
    assert.doesNotMatch(textOf(page('sign-in')), /You are signed in as/)
    assert.match(textOf(page('home-filling')), /The demo is being made/)
    assert.doesNotMatch(textOf(page('home-empty')), /The demo is being made/)
  })

  it('searches by GET and keeps the filters', () => {
    const html = page('home-narrowed')
    assert.match(html, /<form class="search" role="search" method="get" action="\/">/)
    assert.match(html, /<input id="q" name="q"[^>]*value="llama"/)
    for (const [name, value] of [
      ['tier', 'official'],
      ['tag', 'chat'],
      ['sort', 'seeders'],
    ] as const)
      assert.ok(html.includes(`<input type="hidden" name="${name}" value="${value}"/>`), name)
  })

  it('makes addresses without the defaults, and begins at page 1 when narrowed', () => {
    const { query } = LISTING
    assert.equal(listingUrl(query), '/')
    assert.equal(listingUrl({ ...query, page: 3 }, { tag: 'a b' }), '/?tag=a+b')
    assert.equal(listingUrl({ ...query, q: 'x&y' }, { page: 2 }), '/?q=x%26y&page=2')
  })

  it('has every field of a submission with label, hint and error tied to it, and keeps the values', () => {
    const html = page('submit-refused')
    const names = [
      'name torrent info_hash size_bytes sha256 md5 quantisation source_type source_url source_repository',
      'source_commit source_path quantised_by licence tags hardware readme benchmarks signature',
    ]
      .join(' ')
      .split(' ')
    for (const name of names) {
      assert.ok(html.includes(`<label for="${name}">`), `label of ${name}`)
      assert.match(
        html,
        new RegExp(`<(?:input|select|textarea) id="${name}" name="${name}"`),
        `control of ${name}`,
      )
    }
    for (const [, ids] of html.matchAll(/aria-describedby="([^"]+)"/g))
      for (const id of (ids ?? '').split(' ')) assert.ok(html.includes(`id="${id}"`), `description ${id}`)
    assert.match(
      html,
      /id="sha256" name="sha256" aria-describedby="sha256-hint sha256-error" aria-invalid="true" value="zz"/,
    )
    assert.match(html, /value="Tiny"/)
    assert.match(html, /<form class="submit" method="post" action="\/submit" enctype="multipart\/form-data"/i)
    assert.ok(html.includes(`<a href="${OFFICIAL.url}">Open that listing</a>`))
    const again = renderPage(
      h(SubmitPage, {
        trackers: ['udp://127.0.0.1:8080/announce', 'ws://127.0.0.1:8080/announce'],
        context: CONTEXT,
        form: {
          values: { source_type: 'community_quant', readme: '</textarea><b>x' },
          errors: {},
          problem: null,
        },
      }),
    )
    assert.ok(again.includes('<option value="community_quant" selected>'))
    assert.ok(again.includes('&lt;/textarea'))
  })

  it('offers approval and rejection with the verifiers’ reasons filled in', () => {
    const html = page('queue')
    assert.match(html, new RegExp(`action="/models/${MISLABELLED.id}/review"`))
    assert.match(
      html,
      /<textarea[^>]*name="reason"[^>]*required[^>]*>Mislabelled: claims Q4_K_M, the tensors are Q8_0<\/textarea>/,
    )
    // What a verifier found good is no reason to reject.
    const approved = {
      ...PENDING,
      verifications: OFFICIAL.verifications.map((each) => ({
        ...each,
        recommendation: { decision: 'approve' as const, reasons: ['form: proved'] },
      })),
    }
    const other = renderPage(
      h(ModelPage, {
        ...modelPage(approved),
        may: { ...modelPage(UNVERIFIED).may, review: true },
      }),
    )
    assert.match(other, /<textarea[^>]*name="reason"[^>]*><\/textarea>/)
    assert.match(html, /<input type="hidden" name="decision" value="approve"\/>/)
    assert.match(html, /<input type="hidden" name="decision" value="reject"\/>/)
    assert.match(html, /<progress max="1" value="0.43"/)
  })

  it('shows the forms of a community member only to who may', () => {
    for (const action of ['ratings', 'comments', 'reports', 'review']) {
      assert.ok(page('model-signed-in').includes(`action="/models/${TRUSTED.id}/${action}"`), action)
      assert.ok(!page('model').includes(`/${action}"`), action)
    }
  })
})

describe('when figures are worded', () => {
  it('gives stars as stars and counts as counts', () => {
    assert.equal(
      conditionFigures('Mean rating in hundredths of a star, where there are ratings', 410, 300),
      '4.10 / 3.00',
    )
    assert.equal(conditionFigures('Published listings in good standing', 6, 20), '6 / 20')
    const stars = 'Mean rating in hundredths of a star, where there are ratings'
    assert.equal(conditionFigures(stars, 0, 300), 'no ratings yet')
    const days = 'Days without an upheld report'
    assert.equal(conditionFigures(days, 180, 180), 'no report upheld in 180 days')
    assert.equal(conditionFigures(days, 200, 180), '200 / 180')
    assert.equal(conditionFigures(days, 12, 180), '12 / 180')
  })

  it('names every tracker that the magnet names', () => {
    assert.deepEqual(
      trackersOf({
        magnet: 'magnet:?xt=urn:btih:00&tr=ws%3A%2F%2Fa%2Fannounce&tr=udp%3A%2F%2Fb',
        trackers: ['udp://b'],
      }),
      ['udp://b', 'ws://a/announce'],
    )
    assert.deepEqual(trackersOf({ magnet: null, trackers: [] }), [])
  })
})
