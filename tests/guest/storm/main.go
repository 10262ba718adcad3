// storm SECONDS GOROUTINES PATH…: goroutines on all threads read the files, all the time, under garbage
// collection and preemption.
// Prints how many reads there were and how many brought something else than the first.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	seconds, _ := strconv.Atoi(os.Args[1])
	n, _ := strconv.Atoi(os.Args[2])
	paths := os.Args[3:]
	want := map[string][]byte{}
	for _, p := range paths {
		want[p], _ = os.ReadFile(p)
	}
	var reads, wrong atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			if i%8 == 0 {
				runtime.LockOSThread()
			}
			var garbage [][]byte
			for k := i; time.Now().Before(end); k++ {
				p := paths[k%len(paths)]
				b, err := os.ReadFile(p)
				if err != nil || !bytes.Equal(b, want[p]) {
					wrong.Add(1)
				}
				reads.Add(1)
				garbage = append(garbage, make([]byte, 4096))
				if len(garbage) > 16 {
					garbage = nil
				}
				if i == 0 && k%64 == 0 {
					runtime.GC()
				}
			}
		}(i)
	}
	wg.Wait()
	fmt.Printf("wrong %d of %v\n", wrong.Load(), reads.Load() > int64(n))
	fmt.Fprintf(os.Stderr, "%d reads\n", reads.Load())
}
