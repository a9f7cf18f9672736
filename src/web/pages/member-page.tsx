import { Day, Missing, Panel, State, TierWord } from '../components/bits.tsx'
import { Endorsements, MemberAlarm } from '../components/standing.tsx'
import { Conditions } from '../components/conditions.tsx'
import { Hex, tierIcon } from '../components/icons.tsx'
import { KeyList } from '../components/key-list.tsx'
import { Layout } from '../components/layout.tsx'
import { ListingRows } from '../components/listing-row.tsx'
import { TIER_WORDS } from '../components/wording.ts'
import type { Tier } from '../../core/views.ts'
import { formatCount } from '../islands/format.ts'
import type { MemberPageProps } from '../page-types.ts'

const LADDER: Exclude<Tier, 'unverified'>[] = ['community', 'trusted', 'official']
const IDENTITY_WORDS = { email: 'E-mail address', github: 'GitHub account', openpgp: 'OpenPGP key' } as const

/** A member: tier with every condition, keys, listings. */
export function MemberPage(props: MemberPageProps) {
  const { context, member, listings, notice } = props
  return (
    <Layout
      context={context}
      title={`@${member.handle}, ${TIER_WORDS[member.tier]}`}
      description={`@${member.handle} is ${TIER_WORDS[member.tier]}: ${member.listings.published} published listings. The conditions of each tier, met and missing.`}
      canonical={`/members/${member.handle}`}
      scripts={['copy']}
    >
      {notice === null ? null : (
        <p class="notice" role="status">
          {notice}
        </p>
      )}
      <MemberAlarm {...props} />
      <header class="page-title member-title">
        <Hex of={member.tier} icon={tierIcon(member.tier)} />
        <div>
          <h1 class="title title-m">@{member.handle}</h1>
          <p class="page-say">
            <TierWord tier={member.tier} /> · joined <Day at={member.joined_at} />
            {member.roles.length === 0 ? null : <> · {member.roles.join(', ')}</>}
          </p>
        </div>
      </header>
      <div class="member">
        <div class="column">
          <Panel title="Record" code="computed, never asserted">
            <dl class="facts">
              <dt>Published</dt>
              <dd>{formatCount(member.listings.published)}</dd>
              <dt>Pending</dt>
              <dd>{formatCount(member.listings.pending)}</dd>
              <dt>Rejected</dt>
              <dd>{formatCount(member.listings.rejected)}</dd>
              <dt>Suspended</dt>
              <dd>{formatCount(member.listings.suspended)}</dd>
              <dt>Identity</dt>
              <dd>
                {member.identity.length === 0 ? (
                  <Missing word="none proved" />
                ) : (
                  <ul class="plain">
                    {member.identity.map((kind) => (
                      <li key={kind}>
                        <State word={{ text: `${IDENTITY_WORDS[kind]} proved`, tone: 'ok' }} />
                      </li>
                    ))}
                  </ul>
                )}
              </dd>
            </dl>
          </Panel>
          <Panel title="OpenPGP keys">
            <KeyList keys={member.keys} />
          </Panel>
          <Endorsements {...props} />
        </div>
        <Panel title="Tier, with its reasons" code={<a href="/trust">the rules</a>}>
          {LADDER.map((tier) => (
            <section class="ladder" key={tier}>
              <h3>
                <TierWord tier={tier} />
              </h3>
              <Conditions
                conditions={member.conditions.filter(({ of }) => of === tier)}
                caption={`What ${TIER_WORDS[tier]} needs`}
              />
            </section>
          ))}
        </Panel>
        <Panel title="Listings" code={`${formatCount(listings.length)} shown`} kind="wide">
          {listings.length === 0 ? (
            <p>
              <Missing word="none yet" />
            </p>
          ) : (
            <ListingRows items={listings} />
          )}
        </Panel>
      </div>
    </Layout>
  )
}
