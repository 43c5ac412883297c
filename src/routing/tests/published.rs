//! Claims about how a table reaches its readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::routing::published::{self, Reader};

fn of_generation(generation: u64) -> RouteTable {
    RouteTable::build(&config([route("a", "/")]), generation).unwrap()
}

fn seen(reader: &mut Reader) -> Option<u64> {
    reader.load().map(|table| table.generation())
}

#[test]
fn every_reader_sees_the_table_that_was_published_last() {
    let (writer, mut one) = published::channel(None);
    let mut two = one.clone();
    assert_eq!((seen(&mut one), writer.generation()), (None, 0));
    assert!(writer.current().is_none());
    writer.publish(of_generation(7));
    assert_eq!((seen(&mut one), seen(&mut two), writer.generation()), (Some(7), Some(7), 7));
    writer.publish(of_generation(8));
    writer.publish(of_generation(9));
    assert_eq!((seen(&mut one), seen(&mut writer.reader())), (Some(9), Some(9)));
    assert_eq!(two.load().map(Arc::as_ptr), writer.current().as_ref().map(Arc::as_ptr));
}

#[test]
fn a_first_table_is_there_from_the_start() {
    let (writer, mut reader) = published::channel(Some(Arc::new(of_generation(3))));
    assert_eq!((seen(&mut reader), writer.generation()), (Some(3), 3));
}

#[test]
fn hooks_are_called_after_the_table_can_be_seen() {
    let (writer, reader) = published::channel(None);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let look = std::sync::Mutex::new(reader);
    writer.on_publish(Box::new(move || {
        if seen(&mut look.lock().unwrap()) == Some(1) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }));
    writer.publish(of_generation(1));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn an_old_table_is_freed_by_the_next_publication_and_never_by_a_reader() {
    let (writer, mut reader) = published::channel(None);
    let old = Arc::downgrade(&writer.publish(of_generation(1)));
    seen(&mut reader);
    writer.publish(of_generation(2));
    seen(&mut reader);
    assert!(old.upgrade().is_some());
    writer.publish(of_generation(3));
    assert!(old.upgrade().is_none());
}
