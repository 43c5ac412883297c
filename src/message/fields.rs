//! Asking for fields of a [`Head`], taking them out and adding some. Taking out is a flag, adding a line at the end of the
//! buffer: nothing ever moves.

use super::head::{Field, Head};
use super::name::{self, Name};
use super::target;

// === impl Field ===

impl Field {
    #[inline]
    pub(super) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.at as usize..][..usize::from(self.name_len)]
    }

    #[inline]
    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.value_at as usize..][..self.value_len as usize]
    }
}

// === impl Head ===

impl Head {
    /// The value of the first field of this name.
    #[inline]
    pub fn get(&self, name: Name) -> Option<&[u8]> {
        if !name.is_one() || self.present & name.bit() == 0 {
            return None;
        }
        Some(self.fields[usize::from(self.first[name as usize])].value(&self.bytes))
    }

    /// The values of all fields of this name, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        let from = match name.is_one() && self.present & name.bit() != 0 {
            true => usize::from(self.first[name as usize]),
            false => self.fields.len(),
        };
        let fields = self.fields[from..].iter().filter(move |field| field.id == name && !field.removed);
        fields.map(|field| field.value(&self.bytes))
    }

    /// The value of the first field with this name, in any ASCII case.
    pub fn get_str(&self, name: &str) -> Option<&[u8]> {
        match Name::of(name.as_bytes()) {
            known if known.is_one() => self.get(known),
            _ => self.all_str(name).next(),
        }
    }

    /// The values of all fields with this name, in any ASCII case.
    pub fn all_str(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let id = Name::of(name.as_bytes());
        let fields = self.fields.iter().filter(move |field| {
            let same = field.id == id && !field.removed;
            same && (id.is_one() || field.name(&self.bytes).eq_ignore_ascii_case(name.as_bytes()))
        });
        fields.map(|field| field.value(&self.bytes))
    }

    /// All fields in order: name as received, value without white space around it.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let live = self.fields.iter().filter(|field| !field.removed);
        live.map(|field| (field.name(&self.bytes), field.value(&self.bytes)))
    }

    /// Removes all fields of this name.
    pub fn remove(&mut self, name: Name) {
        if name.is_one() && self.present & name.bit() != 0 {
            let from = usize::from(self.first[name as usize]);
            self.remove_where(from, |field, _| field.id == name);
            self.present &= !name.bit();
            self.several &= !name.bit();
        }
    }

    /// Removes all fields with this name, in any ASCII case.
    pub fn remove_str(&mut self, name: &str) {
        self.remove_bytes(name.as_bytes());
    }

    /// Adds a field at the end. A value that would break out of its line (CR, LF, NUL and other control characters)
    /// is not added.
    pub fn push(&mut self, name: Name, value: &[u8]) {
        let begin = name.line().as_bytes();
        let added = name.is_one() && self.add_line(name, begin.len(), value, |bytes| bytes.extend_from_slice(begin));
        debug_assert!(added, "not a field: {name:?} {value:?}");
    }

    /// Adds a field with any name at the end; see [`Head::push`].
    pub fn push_str(&mut self, name: &str, value: &[u8]) {
        let added = self.add_str(name, value);
        debug_assert!(added, "not a field: {name:?} {value:?}");
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    // --- for the sibling files ---

    pub(super) fn remove_bytes(&mut self, name: &[u8]) {
        match Name::of(name) {
            known if known.is_one() => self.remove(known),
            id => self.remove_where(0, |field, bytes| field.id == id && field.name(bytes).eq_ignore_ascii_case(name)),
        }
    }

    pub(super) fn remove_set(&mut self, set: u64) {
        if self.present & set != 0 {
            self.remove_where(0, |field, _| set & field.id.bit() != 0);
            self.present &= !set;
            self.several &= !set;
        }
    }

    /// Marks fields as removed; the bits of well-known names are the caller's to clear.
    pub(super) fn remove_where(&mut self, from: usize, gone: impl Fn(&Field, &[u8]) -> bool) {
        for field in &mut self.fields[from..] {
            if !field.removed && gone(field, &self.bytes) {
                field.removed = true;
                self.live -= 1;
            }
        }
    }

    pub(super) fn add_str(&mut self, name: &str, value: &[u8]) -> bool {
        let name = name.as_bytes();
        target::is_token(name) && name.len() <= usize::from(u16::MAX) && self.add(Name::of(name), name, value)
    }

    /// False: the value would break out of its line, and nothing was added.
    pub(super) fn add(&mut self, id: Name, name: &[u8], value: &[u8]) -> bool {
        self.add_line(id, name.len() + name::SEPARATOR, value, |bytes| {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(b": ");
        })
    }

    /// `begin` appends the `before` bytes that stand before the value.
    #[inline]
    fn add_line(&mut self, id: Name, before: usize, value: &[u8], begin: impl FnOnce(&mut Vec<u8>)) -> bool {
        if !target::is_field_value(value) {
            return false;
        }
        let value = match value {
            // nearly every value: a look at its ends is cheaper than two walks from them
            [first, .., last] if *first > b' ' && *last > b' ' => value,
            _ => value.trim_ascii(),
        };
        let at = self.bytes.len();
        self.bytes.reserve(before + value.len() + 2);
        begin(&mut self.bytes);
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
        self.index(Field {
            at: at as u32,
            value_at: (at + before) as u32,
            value_len: value.len() as u32,
            name_len: (before - name::SEPARATOR) as u16,
            id,
            removed: false,
            tidy: true,
        });
        true
    }

    /// Takes in a field whose line stands in `bytes`.
    #[inline]
    pub(super) fn index(&mut self, field: Field) {
        let bit = field.id.bit();
        if self.present & bit != 0 {
            self.several |= bit;
        } else {
            self.present |= bit;
            self.first[field.id as usize] = self.fields.len() as u16;
        }
        if bit & name::set(&[Name::Connection, Name::Upgrade]) != 0 {
            self.options.note(field.id, field.value(&self.bytes));
        }
        self.fields.push(field);
        self.live += usize::from(!field.removed);
    }
}
