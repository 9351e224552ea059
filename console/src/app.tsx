import { useEffect } from 'preact/hooks'
import { ConnectionBanner } from './components/banner.tsx'
import { PageHeading } from './components/heading.tsx'
import { Layout } from './components/layout.tsx'
import { Empty, Loading, NotAllowed } from './components/states.tsx'
import { findPage } from './pages.tsx'
import { useServices } from './services.ts'
import { SignIn } from './session/sign-in.tsx'

export function App() {
  const { session } = useServices()
  useEffect(() => void session.resume(), [])
  const state = session.state.value
  return (
    <>
      <ConnectionBanner />
      {state.kind === 'starting' ? <Loading what="Looking for your session" /> : null}
      {state.kind === 'signed out' ? <SignIn because={state.because} /> : null}
      {state.kind === 'signed in' ? (
        // Of another tenant, nothing of this one stays on the screen.
        <Layout key={`${state.me.user?.id} ${state.me.tenant?.id}`} me={state.me}>
          <CurrentPage inTenant={state.me.tenant !== null} />
        </Layout>
      ) : null}
    </>
  )
}

function CurrentPage({ inTenant }: { inTenant: boolean }) {
  const { navigation, session } = useServices()
  const { path } = navigation.place.value
  const found = findPage(path)
  if (!inTenant) {
    return (
      <>
        <PageHeading title="No tenant" />
        <Empty title="You belong to no tenant that is in service">
          <p>Ask whoever runs your car parks for an invite; or go on in another tenant under your account.</p>
        </Empty>
      </>
    )
  }
  if (found === undefined) {
    return (
      <>
        <PageHeading title="No such page" />
        <Empty title="There is nothing at this address">
          <p>
            <a href="/">Go to the overview</a>, or look for a space above.
          </p>
        </Empty>
      </>
    )
  }
  const { page, id } = found
  if (!session.may(page.permission)) {
    return (
      <>
        <PageHeading title={page.title} />
        <NotAllowed permission={page.permission} />
      </>
    )
  }
  return <page.component key={path} id={id} />
}
