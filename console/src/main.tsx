import { render } from 'preact'
import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/components.css'
import './styles/status.css'
import { App } from './app.tsx'
import { Navigation } from './navigation.ts'
import { findPage } from './pages.tsx'
import { createServices, ServicesProvider } from './services.ts'

const root = document.getElementById('console')
if (root === null) throw new Error('the page has no place for the console')
const services = createServices(new Navigation((path) => findPage(path) !== undefined))
render(
  <ServicesProvider value={services}>
    <App />
  </ServicesProvider>,
  root,
)
