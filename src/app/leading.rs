//! The way to Cloudflare, with what the process was told when it began. One door: [`client`].
use super::settings::DnsSettings;
use crate::dns::{Cloudflare, Credentials, DEFAULT_ENDPOINT, Endpoint, Https};
use anyhow::Context;
/// A client with what the process was told when it began.
pub(super) fn client(dns: &DnsSettings) -> anyhow::Result<Cloudflare<Https>> {
    let DnsSettings { flags: _, token, token_file, api_key, api_email, endpoint, dry_run: _ } = dns;
    let endpoint: Endpoint = endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT).parse().context("CF_API_URL")?;
    let credentials = Credentials::new(token.clone(), token_file.clone(), api_key.clone(), api_email.clone());
    // a wrong token must not keep the proxy from serving
    let credentials = credentials.unwrap_or_else(Credentials::lacking);
    Ok(Cloudflare::new(Https::new(endpoint.clone()), endpoint, credentials))
}
