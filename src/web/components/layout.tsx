import type { ComponentChildren } from 'preact'
import { assetUrl, islandScripts } from '../assets.ts'
import type { IslandName } from '../assets.ts'
import type { PageContext } from '../page-types.ts'
import { Minute } from './bits.tsx'
import { Icon, IconSprite, tierIcon } from './icons.tsx'

const FONTS = [
  'node_modules/@fontsource-variable/archivo/files/archivo-latin-standard-normal.woff2',
  'node_modules/@fontsource-variable/noto-serif/files/noto-serif-latin-standard-normal.woff2',
]

const NAVIGATION = [
  { href: '/', word: 'Models' },
  { href: '/inspect', word: 'Inspect' },
  { href: '/submit', word: 'Submit' },
  { href: '/queue', word: 'Queue' },
  { href: '/trust', word: 'Rules' },
  { href: '/guide', word: 'Guide' },
] as const

interface LayoutProps {
  context: PageContext
  title: string
  description: string
  /** Path of the page's one true address; without it the page asks not to be indexed. */
  canonical?: string
  scripts?: IslandName[]
  /** What stands in the search field, and what a search must keep beside it. */
  search?: { q: string; keep: Record<string, string> }
  children: ComponentChildren
}

/** The whole document: head, header with search, the page, footer. */
export function Layout({
  context,
  title,
  description,
  canonical,
  scripts = [],
  search,
  children,
}: LayoutProps) {
  const fullTitle = title === context.siteName ? title : `${title} · ${context.siteName}`
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{fullTitle}</title>
        <meta name="description" content={description} />
        <meta name="color-scheme" content="dark" />
        <meta name="theme-color" content="#000000" />
        {canonical === undefined ? (
          <meta name="robots" content="noindex" />
        ) : (
          <>
            <link rel="canonical" href={`${context.baseUrl}${canonical}`} />
            <meta property="og:title" content={fullTitle} />
            <meta property="og:description" content={description} />
            <meta property="og:url" content={`${context.baseUrl}${canonical}`} />
            <meta property="og:site_name" content={context.siteName} />
            <meta property="og:type" content="website" />
          </>
        )}
        <link rel="icon" type="image/svg+xml" href={assetUrl('src/web/styles/favicon.svg')} />
        {FONTS.map((font) => (
          <link
            rel="preload"
            as="font"
            type="font/woff2"
            crossorigin="anonymous"
            href={assetUrl(font)}
            key={font}
          />
        ))}
        <link rel="stylesheet" href={assetUrl('src/web/styles/main.css')} />
        {islandScripts(scripts).map((src) => (
          <script type="module" src={src} key={src} />
        ))}
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <IconSprite />
        <Header context={context} search={search ?? { q: '', keep: {} }} />
        {context.demo ? <DemoNotice /> : null}
        <main id="main" tabIndex={-1}>
          {children}
        </main>
        <Footer context={context} />
      </body>
    </html>
  )
}

function Header({
  context,
  search,
}: {
  context: PageContext
  search: { q: string; keep: Record<string, string> }
}) {
  const section = NAVIGATION.find(({ href }) => href !== '/' && context.path.startsWith(href))?.href ?? '/'
  const inModels = context.path === '/' || context.path.startsWith('/models')
  return (
    <header class="top">
      <a class="brand" href="/">
        {context.siteName}
      </a>
      <nav class="top-nav" aria-label="Main">
        {NAVIGATION.map(({ href, word }) => {
          const current = href === section && (href !== '/' || inModels)
          return (
            <a
              href={href}
              key={href}
              aria-current={current ? (context.path === href ? 'page' : 'true') : undefined}
            >
              {word}
            </a>
          )
        })}
      </nav>
      <form class="search" role="search" method="get" action="/">
        <label class="sr" for="q">
          Search models
        </label>
        <input
          id="q"
          name="q"
          type="search"
          value={search.q}
          placeholder="Models"
          maxLength={200}
          autocomplete="off"
          spellcheck={false}
        />
        {Object.entries(search.keep).map(([name, value]) => (
          <input type="hidden" name={name} value={value} key={name} />
        ))}
        <button type="submit">Search</button>
      </form>
      <Session context={context} />
    </header>
  )
}

function Session({ context }: { context: PageContext }) {
  const { member, path } = context
  if (member === null)
    return (
      <a class="session-in" href={`/sign-in?next=${encodeURIComponent(path)}`}>
        Sign in
      </a>
    )
  return (
    <form class="session" method="post" action="/sign-out">
      <a class={`session-name tier-${member.tier}`} href="/account">
        <Icon name={tierIcon(member.tier)} />
        <span class="session-handle">@{member.handle}</span>
      </a>
      <button type="submit" class="quiet">
        Sign out
      </button>
    </form>
  )
}

function DemoNotice() {
  return (
    <aside class="demo-notice" aria-label="Demo">
      <span class="mark mark-demo">Demo</span>
      This site filled itself with small models made on this machine. The files, the peers and the checks are
      real; the members are not.
    </aside>
  )
}

function Footer({ context }: { context: PageContext }) {
  return (
    <footer class="foot">
      <p>
        Every badge is computed from a public record. <a href="/trust">Read the rules</a>,{' '}
        <a href="/ledger/">replay the ledger</a>, see <a href="/audit">what was decided</a>, or take{' '}
        <a href="/models.json">models.json</a>.
      </p>
      {context.member === null ? null : (
        <form class="foot-session" method="post" action="/sign-out">
          <button type="submit" class="quiet">
            Sign out
          </button>
        </form>
      )}
      <p>
        This page talks to no other site. Trackers and peers are asked only after you press Download. Rendered{' '}
        <Minute at={context.now} />.
      </p>
    </footer>
  )
}
