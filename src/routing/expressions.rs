//! The regular expressions of a table and each thread's room to run them in. The one door is [`Expressions`].
//!
//! `regex_automata`'s own pool hands its caches out through a few locks that all threads try in turn and allocates when
//! they are taken. Workers shall share nothing that is written, so each thread keeps its own caches here, by the table
//! they belong to: of the next table none is of use, and they go with its first expression. A cache grows with the
//! states of the automaton that this thread's requests have led to, up to [`CACHE_BYTES`]; on known ways nothing is
//! allocated.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicU64, Ordering};

use regex_automata::meta::{BuildError, Cache, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored, Input, MatchKind, PatternSet};

/// Of one automaton and thread; then it is emptied and filled anew.
const CACHE_BYTES: usize = 256 * 1024;

/// Most caches of one thread; then all go. With [`CACHE_BYTES`] it bounds what strangers can make us hold to 32 MiB, of
/// which the states of usual expressions need a few KiB.
const MAX_CACHES: usize = 128;

/// Every expression of a table, compiled. The same set of patterns is there once.
#[derive(Debug)]
pub(super) struct Expressions {
    /// Tells the caches of this table from those of others.
    id: u64,
    automata: Vec<Regex>,
}

/// What a table's expressions are collected in.
#[derive(Debug, Default)]
pub(super) struct Builder {
    numbers: HashMap<Vec<String>, u32>,
    automata: Vec<Regex>,
}

impl Builder {
    /// The number of the automaton that tells which of these patterns match a whole text.
    pub(super) fn add(&mut self, patterns: &[&str]) -> Result<u32, String> {
        let key: Vec<String> = patterns.iter().map(|pattern| pattern.to_string()).collect();
        if let Some(&number) = self.numbers.get(&key) {
            return Ok(number);
        }
        let number = self.automata.len() as u32;
        self.automata.push(compile(patterns)?);
        self.numbers.insert(key, number);
        Ok(number)
    }

    pub(super) fn build(self) -> Expressions {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Expressions { id: NEXT.fetch_add(1, Ordering::Relaxed), automata: self.automata }
    }
}

/// All patterns as one automaton that reports each that matches from the first byte to the last; else why there is none.
pub(super) fn compile(patterns: &[&str]) -> Result<Regex, String> {
    let anchored: Vec<String> = patterns.iter().map(|pattern| to_the_end(pattern)).collect();
    Regex::builder()
        .configure(
            Regex::config()
                .match_kind(MatchKind::All)
                .which_captures(WhichCaptures::None)
                .hybrid_cache_capacity(CACHE_BYTES),
        )
        .build_many(&anchored)
        .map_err(|error| told(&error))
}

/// The compiler's message has its cause behind it.
fn told(error: &BuildError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn to_the_end(pattern: &str) -> String {
    let anchored = format!("(?:{pattern})\\z");
    match regex_automata::util::syntax::parse(&anchored) {
        Ok(_) => anchored,
        // a comment at the end of an expression with (?x) hides the parenthesis
        Err(_) => format!("(?:{pattern}\n)\\z"),
    }
}

/// Whether the whole of `text` matches.
pub(super) fn is_whole(regex: &Regex, text: &[u8]) -> bool {
    regex.is_match(Input::new(text).anchored(Anchored::Yes))
}

impl Expressions {
    /// The first pattern, in their order, that matches the whole of `text` and for which `pick` has an answer.
    pub(super) fn find<T>(&self, number: u32, text: &str, pick: impl FnMut(usize) -> Option<T>) -> Option<T> {
        let regex = self.automata.get(number as usize)?;
        self.with_room(number, regex, |room| {
            room.matched.clear();
            let input = Input::new(text).anchored(Anchored::Yes);
            regex.which_overlapping_matches_with(&mut room.cache, &input, &mut room.matched);
            room.matched.iter().map(|pattern| pattern.as_usize()).find_map(pick)
        })
    }

    /// Whether the whole of `text` matches.
    pub(super) fn matches(&self, number: u32, text: &[u8]) -> bool {
        let Some(regex) = self.automata.get(number as usize) else { return false };
        let input = Input::new(text).anchored(Anchored::Yes);
        self.with_room(number, regex, |room| regex.is_match_with(&mut room.cache, &input))
    }

    /// The room is taken out while it is used, so that conditions may run their own expressions within.
    fn with_room<T>(&self, number: u32, regex: &Regex, run: impl FnOnce(&mut Room) -> T) -> T {
        let mut room = ROOMS.with_borrow_mut(|rooms| rooms.take(self, number)).unwrap_or_else(|| {
            Box::new(Room { cache: regex.create_cache(), matched: PatternSet::new(regex.pattern_len()) })
        });
        let answer = run(&mut room);
        ROOMS.with_borrow_mut(|rooms| rooms.put(self, number, room));
        answer
    }
}

thread_local! {
    static ROOMS: RefCell<Rooms> = const { RefCell::new(Rooms { table: 0, rooms: Vec::new(), held: 0 }) };
}

/// What one automaton needs to run.
#[derive(Debug)]
struct Room {
    cache: Cache,
    matched: PatternSet,
}

/// The caches of one thread, for one table.
#[derive(Debug)]
struct Rooms {
    table: u64,
    /// By the number of the automaton.
    rooms: Vec<Option<Box<Room>>>,
    held: usize,
}

impl Rooms {
    fn take(&mut self, of: &Expressions, number: u32) -> Option<Box<Room>> {
        if self.table != of.id {
            self.clear();
            self.table = of.id;
            self.rooms.resize_with(of.automata.len(), || None);
        }
        let room = self.rooms.get_mut(number as usize)?.take()?;
        self.held -= 1;
        Some(room)
    }

    fn put(&mut self, of: &Expressions, number: u32, room: Box<Room>) {
        if self.held >= MAX_CACHES {
            self.clear();
            self.rooms.resize_with(of.automata.len(), || None);
        }
        // another table was used within: its caches stay
        if self.table == of.id
            && let Some(place) = self.rooms.get_mut(number as usize)
        {
            self.held += usize::from(place.replace(room).is_none());
        }
    }

    fn clear(&mut self) {
        self.rooms.clear();
        self.held = 0;
    }
}
