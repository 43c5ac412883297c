//! What is sealed into a ticket comes out again under the same keys and context, and under no others.

use rustls::server::ProducesTickets;

use super::*;

const SESSION: &[u8] = b"a session";

fn keys(n: usize) -> Vec<TicketKey> {
    (0..n).map(|_| TicketKey::random().unwrap()).collect()
}

fn open(producer: &Arc<dyn ProducesTickets>, ticket: &[u8]) -> Option<Vec<u8>> {
    producer.decrypt(ticket)
}

#[test]
fn a_ticket_opens_under_its_context_alone() {
    let tickets = Tickets::new(&keys(1));
    let contexts = [None, Some([0; 32]), Some([1; 32])];
    for sealing in contexts {
        let ticket = tickets.producer(sealing).encrypt(SESSION).unwrap();
        for opening in contexts {
            let opened = open(&tickets.producer(opening), &ticket);
            assert_eq!(opened.as_deref(), (sealing == opening).then_some(SESSION));
        }
    }
}

#[test]
fn a_ticket_opens_wherever_its_key_is_known() {
    let keys = keys(3);
    let ticket = Tickets::new(&keys[1..]).producer(None).encrypt(SESSION).unwrap();
    let copied: Vec<TicketKey> = keys.iter().map(|key| TicketKey::from_bytes(&key.to_bytes()[..]).unwrap()).collect();
    assert_eq!(open(&Tickets::new(&copied).producer(None), &ticket).as_deref(), Some(SESSION));
    assert_eq!(open(&Tickets::new(&keys[..1]).producer(None), &ticket), None);
}

#[test]
fn a_producer_takes_over_keys_that_are_replaced_and_keeps_three() {
    let keys = keys(5);
    let tickets = Tickets::new(&keys[4..]);
    let producer = tickets.producer(None);
    let ticket = producer.encrypt(SESSION).unwrap();
    for (first, opens) in [(4, true), (3, true), (2, true), (1, false), (2, true), (0, false)] {
        tickets.replace(&keys[first..]);
        assert_eq!(open(&producer, &ticket).is_some(), opens, "from {first}");
        // the first seals
        let newest = producer.encrypt(SESSION).unwrap();
        assert_eq!(newest[..16], keys[first].to_bytes()[..16]);
    }
}

#[test]
fn without_keys_nothing_is_sealed_or_opened() {
    let tickets = Tickets::new(&keys(1));
    let producer = tickets.producer(None);
    let ticket = producer.encrypt(SESSION).unwrap();
    tickets.replace(&[]);
    assert_eq!((producer.encrypt(SESSION), open(&producer, &ticket)), (None, None));
}

#[test]
fn a_ticket_that_was_touched_anywhere_does_not_open() {
    let tickets = Tickets::new(&keys(1));
    let producer = tickets.producer(Some([7; 32]));
    let ticket = producer.encrypt(SESSION).unwrap();
    assert_eq!(ticket.len(), 16 + 12 + SESSION.len() + 16);
    for at in 0..ticket.len() {
        for bit in [1, 0x80] {
            let mut touched = ticket.clone();
            touched[at] ^= bit;
            assert_eq!(open(&producer, &touched), None, "byte {at}");
        }
        assert_eq!(open(&producer, &ticket[..at]), None, "cut at {at}");
    }
    assert_eq!(open(&producer, &[&ticket[..], b"x"].concat()), None);
    assert_ne!(producer.encrypt(SESSION).unwrap(), ticket, "no two are the same");
}

#[test]
fn a_key_has_one_length() {
    for len in 0..100 {
        assert_eq!(TicketKey::from_bytes(&vec![1; len]).is_some(), len == TicketKey::LEN, "{len}");
    }
    assert_ne!(TicketKey::random().unwrap().to_bytes(), TicketKey::random().unwrap().to_bytes());
}
