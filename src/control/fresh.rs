//! A list as it is now, not as some cache of the API server had it. One door: [`list`].

use std::fmt::Debug;

use kube::api::ListParams;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::client::{Asked, refusal, with_causes};
use super::watched::{Only, PAGE};

/// A list of more pages is given up: 10,000 objects, twice the nodes that Kubernetes is made for
/// (<https://kubernetes.io/docs/setup/best-practices/cluster-large/>).
const MOST_PAGES: u32 = 100;

/// What `read` makes of every object, page by page, so that there is never more than one page of whole ones. Without a
/// `resourceVersion` the API server answers with the state at the time of the call, and all pages are of that one state
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>). The caller sets a limit to the time.
///
/// # Errors
/// What the API server said, in words for people.
pub(super) async fn list<K, R>(
    api: &Api<K>,
    only: &Only,
    asked: &Asked,
    read: impl Fn(K) -> Option<R>,
) -> Result<Vec<R>, String>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let params = ListParams::default().limit(PAGE);
    let mut params = match only {
        Only::Fields(selector) => params.fields(selector),
        Only::Labels(selector) => params.labels(selector),
        Only::All => params,
    };
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = api.list(&params).await.map_err(|error| why(&error, asked))?;
        found.extend(page.items.into_iter().filter_map(&read));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
    Err(format!("the list of {} has more than {} objects", asked.resource, MOST_PAGES * PAGE))
}

fn why(error: &kube::Error, asked: &Asked) -> String {
    match refusal(error, "list", asked) {
        Some(refusal) => refusal.to_string(),
        None => format!("no list of {}: {}", asked.resource, with_causes(error)),
    }
}
