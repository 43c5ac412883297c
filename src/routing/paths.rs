//! The paths of every host: a tree of segments whose edges are in one hash index. The one door is [`Paths`].
//!
//! A look-up walks the segments of the path as long as there is an edge, so it costs what the path is deep, not what
//! the table is long, and a stranger's path of ten thousand segments ends where the tree does. Exact paths and prefixes
//! are in one tree: `/x/` has an empty last segment and so a node of its own beneath that of `/x`.

use memchr::memchr;

use super::index::{Index, NONE, hash_beneath};

/// The trees of all hosts.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    segments: Vec<u8>,
    edges: Index,
}

/// A path that some pattern has or leads through.
#[derive(Debug)]
pub(super) struct Node {
    parent: u32,
    /// Its last segment in `segments`.
    start: u32,
    len: u32,
    has_children: bool,
    /// The nearest node above with a prefix; [`NONE`] when there is none.
    up: u32,
    /// Routes with this path as prefix.
    pub(super) prefix: Span,
    /// Routes with exactly this path.
    pub(super) exact: Span,
}

/// A run of the table's candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Where a path leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    node: u32,
    /// The node is the whole path, not only its beginning.
    whole: bool,
}

impl Paths {
    /// Room for `roots` trees with `segments` segments together.
    pub(super) fn for_segments(roots: usize, segments: usize) -> Paths {
        Paths { nodes: Vec::with_capacity(roots + segments), segments: Vec::new(), edges: Index::for_keys(segments) }
    }

    /// The root of a new tree: the prefix `/`.
    pub(super) fn root(&mut self) -> u32 {
        self.add(NONE, b"")
    }

    /// The node for a prefix in the form that `prefix_form` gives.
    pub(super) fn insert_prefix(&mut self, root: u32, prefix: &str) -> u32 {
        match prefix.strip_prefix('/') {
            Some("") | None => root,
            Some(_) => self.insert_exact(root, prefix),
        }
    }

    /// The node for exactly this path.
    pub(super) fn insert_exact(&mut self, root: u32, path: &str) -> u32 {
        let path = path.strip_prefix('/').unwrap_or(path);
        path.as_bytes().split(|&byte| byte == b'/').fold(root, |node, segment| match self.child(node, segment) {
            Some(child) => child,
            None => {
                let child = self.add(node, segment);
                self.edges.insert(hash_beneath(node, segment), child);
                self.nodes[node as usize].has_children = true;
                child
            }
        })
    }

    /// Of everything that is counted with 32 bits the largest number.
    pub(super) fn size(&self) -> usize {
        self.nodes.len().max(self.segments.len())
    }

    pub(super) fn node(&mut self, number: u32) -> &mut Node {
        &mut self.nodes[number as usize]
    }

    /// Links every node to the nearest prefix above it; once, when all prefixes are known.
    pub(super) fn link(&mut self) {
        // a parent is always older than its children, so it is linked before them
        for number in 0..self.nodes.len() {
            if let Some(parent) = self.nodes.get(self.nodes[number].parent as usize) {
                self.nodes[number].up = if parent.prefix.is_empty() { parent.up } else { self.nodes[number].parent };
            }
        }
    }

    /// No path but `/` leads anywhere.
    pub(super) fn is_bare(&self, root: u32) -> bool {
        !self.nodes[root as usize].has_children
    }

    /// As deep as the tree has edges for `path`.
    pub(super) fn walk(&self, root: u32, path: &str) -> Walk {
        let mut walk = Walk { node: root, whole: false };
        // `*` of OPTIONS is below every root and in no tree
        let Some((b'/', mut rest)) = path.as_bytes().split_first() else { return walk };
        loop {
            let slash = memchr(b'/', rest);
            let segment = &rest[..slash.unwrap_or(rest.len())];
            let Some(child) = self.child(walk.node, segment) else { return walk };
            walk.node = child;
            match slash {
                Some(slash) => rest = &rest[slash + 1..],
                None => return Walk { whole: true, ..walk },
            }
        }
    }

    /// Routes with exactly the path that was walked.
    pub(super) fn exact(&self, walk: Walk) -> Span {
        if walk.whole { self.nodes[walk.node as usize].exact } else { Span::default() }
    }

    /// Routes whose prefix holds the path that was walked, the longest prefix first.
    pub(super) fn prefixes(&self, walk: Walk) -> impl Iterator<Item = Span> {
        let mut next = self.nodes.get(walk.node as usize);
        std::iter::from_fn(move || {
            let node = next?;
            next = self.nodes.get(node.up as usize);
            Some(node.prefix)
        })
    }

    #[inline]
    fn child(&self, parent: u32, segment: &[u8]) -> Option<u32> {
        if !self.nodes[parent as usize].has_children {
            return None;
        }
        self.edges.find(hash_beneath(parent, segment), |number| {
            let node = &self.nodes[number as usize];
            node.parent == parent && &self.segments[node.start as usize..][..node.len as usize] == segment
        })
    }

    fn add(&mut self, parent: u32, segment: &[u8]) -> u32 {
        let start = self.segments.len() as u32;
        self.segments.extend_from_slice(segment);
        let number = self.nodes.len() as u32;
        self.nodes.push(Node {
            parent,
            start,
            len: segment.len() as u32,
            has_children: false,
            up: NONE,
            prefix: Span::default(),
            exact: Span::default(),
        });
        number
    }
}
