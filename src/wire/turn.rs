//! The order in which tasks come to their writes. One door: [`others_first`].

use std::future::poll_fn;
use std::task::Poll;

/// Waits until every task that is ready now has had its turn.
///
/// Awaited before a write, it makes a thread read all that has arrived before it writes any of it. Who gets the first of
/// those writes is still awake when the next ones come, where one write at a time would have to wake it again and again. That
/// is worth something where waking is dear, as on shared CPUs, and elsewhere costs next to nothing: unlike tokio's
/// `yield_now` it does not look for what has arrived meanwhile, which would be a system call.
pub async fn others_first() {
    let mut had = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut had, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn who_lets_others_go_first_comes_after_all_that_are_ready() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().build_local(Default::default()).unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..3)
                .map(|n| {
                    let order = Rc::clone(&order);
                    tokio::task::spawn_local(async move {
                        order.borrow_mut().push(("reads", n));
                        others_first().await;
                        order.borrow_mut().push(("writes", n));
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let order = order.borrow();
        assert_eq!(order[..3], [("reads", 0), ("reads", 1), ("reads", 2)]);
        assert_eq!(order[3..], [("writes", 0), ("writes", 1), ("writes", 2)]);
    }
}
