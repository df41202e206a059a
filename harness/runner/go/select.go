package main

// Select over the inputs of fan_in.
//
// A `select` names its channels, so its source fixes their number. Go programs write it out while they can
// and use reflect.Select beyond that. So does this file: there is a select for 2, 4 and 8 inputs; other
// numbers up to 8 use the next larger one with nil channels, which a select ignores. An input that is closed
// becomes nil too, the usual idiom.

import "reflect"

// maxSelectWidth is the maximum number of inputs of a select that is written out.
const maxSelectWidth = 8

func selectAll(receivers []*receiver[message8], ledger *ledger) {
	inputs := make([]<-chan message8, len(receivers))
	for index, receiver := range receivers {
		inputs[index] = receiver.native
	}
	switch {
	case len(inputs) <= 2:
		selectOf2(inputs, ledger)
	case len(inputs) <= 4:
		selectOf4(inputs, ledger)
	case len(inputs) <= maxSelectWidth:
		selectOf8(inputs, ledger)
	default:
		selectOfMany(inputs, ledger)
	}
}

func selectOf2(inputs []<-chan message8, ledger *ledger) {
	var c [2]<-chan message8
	for open := copy(c[:], inputs); open > 0; {
		var m message8
		var ok bool
		var from int
		select {
		case m, ok = <-c[0]:
			from = 0
		case m, ok = <-c[1]:
			from = 1
		}
		if ok {
			ledger.record(m.read())
		} else {
			c[from] = nil
			open--
		}
	}
}

func selectOf4(inputs []<-chan message8, ledger *ledger) {
	var c [4]<-chan message8
	for open := copy(c[:], inputs); open > 0; {
		var m message8
		var ok bool
		var from int
		select {
		case m, ok = <-c[0]:
			from = 0
		case m, ok = <-c[1]:
			from = 1
		case m, ok = <-c[2]:
			from = 2
		case m, ok = <-c[3]:
			from = 3
		}
		if ok {
			ledger.record(m.read())
		} else {
			c[from] = nil
			open--
		}
	}
}

func selectOf8(inputs []<-chan message8, ledger *ledger) {
	var c [8]<-chan message8
	for open := copy(c[:], inputs); open > 0; {
		var m message8
		var ok bool
		var from int
		select {
		case m, ok = <-c[0]:
			from = 0
		case m, ok = <-c[1]:
			from = 1
		case m, ok = <-c[2]:
			from = 2
		case m, ok = <-c[3]:
			from = 3
		case m, ok = <-c[4]:
			from = 4
		case m, ok = <-c[5]:
			from = 5
		case m, ok = <-c[6]:
			from = 6
		case m, ok = <-c[7]:
			from = 7
		}
		if ok {
			ledger.record(m.read())
		} else {
			c[from] = nil
			open--
		}
	}
}

func selectOfMany(inputs []<-chan message8, ledger *ledger) {
	cases := make([]reflect.SelectCase, len(inputs))
	for index, input := range inputs {
		cases[index] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(input)}
	}
	for open := len(cases); open > 0; {
		from, received, ok := reflect.Select(cases)
		if ok {
			m := received.Interface().(message8)
			ledger.record(m.read())
		} else {
			// reflect.Select ignores a case with the zero value, as a select ignores nil.
			cases[from].Chan = reflect.Value{}
			open--
		}
	}
}
