//! Claims about how a value reaches its readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Reader, channel};

fn seen(reader: &mut Reader<u32>) -> Option<u32> {
    reader.load().map(|value| **value)
}

#[test]
fn every_reader_sees_the_value_that_was_published_last() {
    let (writer, mut one) = channel(None);
    let mut two = one.clone();
    assert_eq!(seen(&mut one), None);
    assert!(writer.current().is_none());
    writer.publish(7);
    assert_eq!((seen(&mut one), seen(&mut two)), (Some(7), Some(7)));
    writer.publish(8);
    writer.publish(9);
    assert_eq!((seen(&mut one), seen(&mut writer.reader())), (Some(9), Some(9)));
    assert_eq!(two.load().map(Arc::as_ptr), writer.current().as_ref().map(Arc::as_ptr));
}

#[test]
fn a_first_value_is_there_from_the_start() {
    let (_writer, mut reader) = channel(Some(Arc::new(3)));
    assert_eq!(seen(&mut reader), Some(3));
}

#[test]
fn hooks_are_called_after_the_value_can_be_seen() {
    let (writer, reader) = channel(None);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let look = std::sync::Mutex::new(reader);
    writer.on_publish(Box::new(move || {
        if seen(&mut look.lock().unwrap()) == Some(1) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }));
    writer.publish(1);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn an_old_value_is_freed_by_the_next_publication_and_never_by_a_reader() {
    let (writer, mut reader) = channel(None);
    let old = Arc::downgrade(&writer.publish(1));
    seen(&mut reader);
    writer.publish(2);
    seen(&mut reader);
    assert!(old.upgrade().is_some());
    writer.publish(3);
    assert!(old.upgrade().is_none());
}
