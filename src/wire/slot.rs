//! A body of one frame's room: how `handle` feeds a body to hyper's HTTP/2 without a queue.
//!
//! One door: [`slot`]. The sender waits until hyper took the frame before; dropping either end tells the other.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// Bytes copied into one frame at most: what an HTTP/2 frame holds unless the peer says otherwise (RFC 9113 4.2). It lies
/// here for as long as the peer's window is closed.
const FRAME: usize = 16 * 1024;

/// The two ends of a new, empty slot. `length` is the size promised by Content-Length, when there is one.
pub fn slot(length: Option<u64>) -> (SlotSender, SlotBody) {
    let shared = Rc::new(RefCell::new(Shared { length, ..Shared::default() }));
    (SlotSender(Rc::clone(&shared)), SlotBody(shared))
}

#[derive(Default)]
struct Shared {
    frame: Option<Frame<Bytes>>,
    end: End,
    length: Option<u64>,
    /// hyper dropped the body: the stream is reset or its connection gone.
    dropped: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Default, PartialEq)]
enum End {
    #[default]
    Open,
    Complete,
    Cut,
}

/// The end that `handle` writes to. Dropped before [`SlotSender::end`], the body ends with a reset.
pub struct SlotSender(Rc<RefCell<Shared>>);

/// The end that hyper reads from.
pub struct SlotBody(Rc<RefCell<Shared>>);

/// The body was cut before its end; hyper turns it into RST_STREAM.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body was cut before its end")]
pub struct Cut;

impl SlotSender {
    /// Puts some of `data` into the slot once it is empty. `None`: nobody reads any more.
    pub fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Option<usize>> {
        let mut shared = self.0.borrow_mut();
        if shared.dropped {
            return Poll::Ready(None);
        }
        if shared.frame.is_some() {
            shared.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = data.len().min(FRAME);
        shared.frame = Some(Frame::data(Bytes::copy_from_slice(&data[..n])));
        wake(shared.reader.take());
        Poll::Ready(Some(n))
    }

    /// Ready once the slot is empty or nobody reads any more.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.0.borrow_mut();
        if shared.dropped || shared.frame.is_none() {
            return Poll::Ready(());
        }
        shared.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The body is complete. The slot must be empty when there are trailers: flush first.
    pub fn end(&mut self, trailers: Option<HeaderMap>) {
        let mut shared = self.0.borrow_mut();
        if let Some(trailers) = trailers
            && shared.frame.is_none()
        {
            shared.frame = Some(Frame::trailers(trailers));
        }
        shared.end = End::Complete;
        wake(shared.reader.take());
    }

    /// Ready when hyper dropped the body.
    pub fn poll_dropped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.0.borrow_mut();
        if shared.dropped {
            return Poll::Ready(());
        }
        shared.writer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for SlotSender {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        if shared.end == End::Open {
            shared.end = End::Cut;
        }
        wake(shared.reader.take());
    }
}

impl Body for SlotBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let mut shared = self.0.borrow_mut();
        if let Some(frame) = shared.frame.take() {
            wake(shared.writer.take());
            return Poll::Ready(Some(Ok(frame)));
        }
        match shared.end {
            End::Complete => Poll::Ready(None),
            End::Cut => Poll::Ready(Some(Err(Cut))),
            End::Open => {
                shared.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.0.borrow();
        shared.frame.is_none() && shared.end == End::Complete
    }

    fn size_hint(&self) -> SizeHint {
        // only the length that the head promised: what is in the slot says nothing about the rest
        self.0.borrow().length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for SlotBody {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        shared.dropped = true;
        wake(shared.writer.take());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_holds_one_small_frame_and_no_more_until_it_is_taken() {
        let (mut sender, mut body) = slot(None);
        let mut cx = Context::from_waker(Waker::noop());
        let data = vec![b'x'; 1 << 20];
        assert_eq!(sender.poll_data(&mut cx, &data), Poll::Ready(Some(16 * 1024)));
        assert_eq!(sender.poll_data(&mut cx, &data), Poll::Pending);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        assert!(sender.poll_data(&mut cx, &data).is_ready());
    }
}
