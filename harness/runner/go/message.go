package main

// The messages that flow through the channels: numbered, and checkable on arrival. They have the layout of
// the Rust harness, so that a message of 256 bytes costs both languages 256 bytes.

import "fmt"

// messageID identifies a message: the producer in the upper bits, the position among its messages in the
// lower bits.
type messageID uint64

const seqBits = 48

func newID(producer int, seq uint64) messageID {
	return messageID(producer)<<seqBits | messageID(seq)
}

func (id messageID) producer() int { return int(id >> seqBits) }

func (id messageID) seq() uint64 { return uint64(id) & (1<<seqBits - 1) }

func (id messageID) String() string {
	return fmt.Sprintf("message %d of producer %d", id.seq(), id.producer())
}

// words is the storage of a message: its id, and words derived from it.
type words interface {
	[1]uint64 | [8]uint64 | [32]uint64 | [128]uint64
}

// message is an inline message.
type message[W words] struct {
	words W
}

type (
	message8    = message[[1]uint64]
	message64   = message[[8]uint64]
	message256  = message[[32]uint64]
	message1024 = message[[128]uint64]
)

// spread is 2^64 divided by the golden ratio: odd, so that multiplication by it is a bijection, with
// well-spread bits.
const spread = 0x9E37_79B9_7F4A_7C15

// fill builds the message with this id. The other words differ between positions and between messages.
func (m *message[W]) fill(id messageID) {
	m.words[0] = uint64(id)
	first := uint64(id) * spread
	for index := 1; index < len(m.words); index++ {
		m.words[index] = first + uint64(index-1)
	}
}

// read reads the whole message: its id, and whether every word is as it was built.
func (m *message[W]) read() (messageID, bool) {
	id := m.words[0]
	first := id * spread
	var differences uint64
	for index := 1; index < len(m.words); index++ {
		differences |= m.words[index] ^ (first + uint64(index-1))
	}
	return messageID(id), differences == 0
}

func newMessage8(id messageID) message8 {
	return message8{words: [1]uint64{uint64(id)}}
}
