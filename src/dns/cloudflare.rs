//! Cloudflare as far as records go: [`Cloudflare`], a thin typed client over any [`Transport`].
//!
//! Below it one folder: who asks (`credentials`), where (`endpoint`), how one call is made (`line`) and how many may be
//! (`budget`), what comes back (`answer`, `pages`, `wire`); and `https`, the transport for the real world.
//!
//! Written after developers.cloudflare.com/api, resources "Zones", "DNS / Records", "DNS / Usage" and "IPs".

mod answer;
mod budget;
mod credentials;
mod endpoint;
mod https;
mod line;
mod pages;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, StatusCode};
use tokio::time::Instant;

pub use credentials::Credentials;
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, InvalidEndpoint};
pub use https::{Https, Link};

use self::answer::Asked;
use self::line::{Failure, Line};
use self::pages::Listed;
use super::{Batch, Error, Fault, Permission, Record, Transport, Usage, Which, Zone};
use crate::lifecycle::Permit;

/// The most zones that one page has ("List Zones": `per_page` from 5 to 50).
const ZONES_A_PAGE: usize = 50;
/// Records of one page, of 5,000,000 that are allowed ("List DNS Records"): what [`MAX_ANSWER`](super::MAX_ANSWER) holds
/// with room to spare, and more than any plan's zone has but the largest.
const RECORDS_A_PAGE: usize = 5000;
/// A 429 that does not say how long; the limit's window is five minutes, and it slides.
const UNTOLD: Duration = Duration::from_secs(60);
const AGENT: &str = concat!("gatepost/", env!("CARGO_PKG_VERSION"));

/// What can be asked of Cloudflare. One connection is kept between calls until [`Cloudflare::close`].
///
/// Every call needs a [`Permit`] and takes at most four seconds, connecting included; a list is one call a page. A write
/// is sent once and never again: whether it was done is for the next list to tell.
pub struct Cloudflare<T: Transport> {
    line: Line<T>,
    endpoint: Endpoint,
    credentials: Credentials,
}

impl<T: Transport> Cloudflare<T> {
    /// Nothing is sent yet.
    pub fn new(transport: T, endpoint: Endpoint, credentials: Credentials) -> Self {
        Cloudflare { line: Line::new(transport), endpoint, credentials }
    }

    /// Every zone that the credentials see, by name; how full they are is asked for with [`Cloudflare::usage`].
    ///
    /// # Errors
    /// [`Permission::Invalid`] for credentials that Cloudflare does not know, [`Permission::ZoneRead`] when no zone is
    /// seen; and those of every call.
    pub async fn zones(&mut self, permit: &Permit) -> Result<Vec<Zone>, Error> {
        let list = Listed { path: "/zones", a_page: ZONES_A_PAGE };
        let zones = self.list::<wire::Zone>(permit, &Asked::Zones, &list).await?;
        if zones.is_empty() {
            return Err(Error::Denied(Permission::ZoneRead("the list of zones is empty".to_owned())));
        }
        let mut zones = zones.into_iter().map(Zone::from).collect::<Vec<_>>();
        zones.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(zones)
    }

    /// How full a zone is. `None` when these credentials are not told.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn usage(&mut self, permit: &Permit, zone: &Zone) -> Result<Option<Usage>, Error> {
        let asked = Asked::Usage(&zone.name);
        let request = self.get(&format!("/zones/{}/dns_records/usage", zone.id), true)?;
        let response = self.send(permit, &asked, request).await?;
        if matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        Ok(answer::read::<wire::Usage>(&asked, &response)?.result.into_usage())
    }

    /// Records of a zone, of every type and whoever made them, or only those with a mark.
    ///
    /// # Errors
    /// [`Permission::DnsEdit`]; [`Fault::Malformed`] when the pages changed each of three times that they were read; and
    /// those of every call.
    pub async fn records(&mut self, permit: &Permit, zone: &Zone, which: Which<'_>) -> Result<Vec<Record>, Error> {
        let path = format!("/zones/{}/dns_records", zone.id);
        // no filter: the documents have `total_count` as that of a list without one, and it tells whether a list is whole
        let list = Listed { path: &path, a_page: RECORDS_A_PAGE };
        let records = self.list::<wire::Record>(permit, &Asked::Records(&zone.name), &list).await?;
        let records = records.into_iter().map(|record| record.into_record(&zone.id));
        Ok(match which {
            Which::All => records.collect(),
            Which::Marked(mark) => records.filter(|record| mark.owns(record.comment.as_deref())).collect(),
        })
    }

    /// Does a batch: all of it or nothing. Tells the records that were changed and made, as they are now.
    ///
    /// # Errors
    /// [`Error::Refused`] with Cloudflare's code when one of the operations was not taken, and nothing is done then;
    /// [`Error::Unavailable`] may mean that all of it is. And those of every call.
    pub async fn batch(&mut self, permit: &Permit, zone: &Zone, batch: &Batch) -> Result<Vec<Record>, Error> {
        let asked = Asked::Batch(&zone.name);
        let body = wire::batch(batch);
        let path = format!("/zones/{}/dns_records/batch", zone.id);
        let request = self.request(Method::POST, &path, true)?.header(CONTENT_TYPE, "application/json");
        let response = self.send(permit, &asked, complete(request, body)?).await?;
        let done = answer::read::<wire::Done>(&asked, &response)?.result;
        Ok(done.into_records().map(|record| record.into_record(&zone.id)).collect())
    }

    /// The networks that Cloudflare's edge comes from, IPv4 and IPv6. No credentials are sent: everybody may know.
    ///
    /// # Errors
    /// [`Fault::Malformed`] for a list that is empty or has something else in it; and those of every call.
    pub async fn networks(&mut self, permit: &Permit) -> Result<Vec<ipnet::IpNet>, Error> {
        let asked = Asked::Networks;
        let request = self.get("/ips", false)?;
        let response = self.send(permit, &asked, request).await?;
        let networks = answer::read::<wire::Networks>(&asked, &response)?.result;
        networks.into_networks().map_err(|reason| asked.unavailable(Fault::Malformed(reason)))
    }

    /// How many calls were made so far.
    pub(super) fn made(&self) -> u64 {
        self.line.budget.made()
    }

    /// How long to wait before so many calls more, when nothing is urgent about them but that they were asked for.
    pub(super) fn pace(&self, calls: u64) -> Duration {
        self.line.budget.pace(calls, Instant::now())
    }

    /// Ends the connection that is kept. The next call makes a new one.
    pub fn close(&mut self) {
        self.line.close();
    }

    async fn list<R: pages::Item>(
        &mut self,
        permit: &Permit,
        asked: &Asked<'_>,
        list: &Listed<'_>,
    ) -> Result<Vec<R>, Error> {
        for _ in 0..pages::READINGS {
            if let Some(all) = self.read_through(permit, asked, list).await? {
                return Ok(all);
            }
            tracing::debug!(what = %asked, "A list at Cloudflare changed while it was read");
        }
        Err(asked.unavailable(Fault::Malformed("its pages changed each time that they were read".to_owned())))
    }

    /// One reading of all pages; nothing when they do not fit together.
    async fn read_through<R: pages::Item>(
        &mut self,
        permit: &Permit,
        asked: &Asked<'_>,
        list: &Listed<'_>,
    ) -> Result<Option<Vec<R>>, Error> {
        let mut reading = pages::Reading::default();
        for page in 1..=pages::MAX_PAGES {
            let request = self.get(&list.page(page), true)?;
            let response = self.send(permit, asked, request).await?;
            let answer = answer::read::<Vec<R>>(asked, &response)?;
            let malformed = |reason: &str| asked.unavailable(Fault::Malformed(reason.to_owned()));
            match reading.add(answer.result, answer.info.unwrap_or_default(), list.a_page) {
                pages::Step::More => {}
                pages::Step::Done => return Ok(Some(reading.into_items())),
                pages::Step::Changed => return Ok(None),
                pages::Step::Untold => return Err(malformed("a page that does not say how many there are")),
                pages::Step::TooMany => return Err(malformed("more than can be read")),
            }
        }
        Err(asked.unavailable(Fault::Malformed("more pages than can be read".to_owned())))
    }

    fn get(&self, path: &str, is_private: bool) -> Result<Request<Bytes>, Error> {
        complete(self.request(Method::GET, path, is_private)?, Bytes::new())
    }

    /// In origin form, which is how it is written to the connection (RFC 9112 3.2.1).
    fn request(&self, method: Method, path: &str, is_private: bool) -> Result<http::request::Builder, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint.prefix()))
            .header(HOST, self.endpoint.authority())
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if is_private {
            for (name, value) in self.credentials.headers().map_err(Error::Denied)? {
                request = request.header(name, value);
            }
        }
        Ok(request)
    }

    /// One call, as far as an answer that is not "too many".
    async fn send(
        &mut self,
        permit: &Permit,
        asked: &Asked<'_>,
        request: Request<Bytes>,
    ) -> Result<http::Response<Bytes>, Error> {
        let response = self.line.call(permit, &request).await.map_err(|failure| match failure {
            Failure::Lost => Error::NotLeader,
            Failure::Limited(after) => Error::RateLimited { after },
            Failure::Fault(fault) => asked.unavailable(fault),
        })?;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let told = response.headers().get(RETRY_AFTER).and_then(|after| budget::wait(after, response.headers()));
            let after = self.line.budget.wait(told.unwrap_or(UNTOLD), Instant::now());
            return Err(Error::RateLimited { after });
        }
        Ok(response)
    }
}

/// The parts are our own or Cloudflare's ids, so this fails only for an id that cannot stand in a path.
fn complete(request: http::request::Builder, body: Bytes) -> Result<Request<Bytes>, Error> {
    request.body(body).map_err(|error| Error::Unavailable {
        what: "anything".to_owned(),
        fault: Fault::Malformed(format!("a request cannot be made of it: {error}")),
    })
}
