//! What is told of DNS, as Events on the ConfigMap of the routes. One door: [`tell_notices`].

use tokio::sync::mpsc;

use super::Kubernetes;
use super::events;
use crate::dns::Notice;

/// Tells what comes, until nobody is there to hand anything in. What comes before the ConfigMap is known waits.
pub async fn tell_notices(kubernetes: &Kubernetes, mut notices: mpsc::Receiver<Notice>) {
    let (events, writer) = events::channel(kubernetes.client.clone());
    let mut subject = kubernetes.subject.subscribe();
    let hand_on = async move {
        while let Some(notice) = notices.recv().await {
            // the sender is part of `kubernetes`
            let Ok(known) = subject.wait_for(Option::is_some).await.map(|known| known.clone()) else { return };
            if let Some(known) = known {
                events.room().await;
                events.tell_notice(known, &notice);
            }
        }
    };
    tokio::join!(hand_on, writer.run());
}
