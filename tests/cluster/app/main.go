// The app behind gatepost in the cluster: it tells who asked for what, and has what is hard to proxy: slow answers, large
// uploads and a WebSocket. With BAD it is what an image of gatepost should not be.
package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	switch os.Getenv("BAD") {
	case "crash":
		log.Fatal("this image crashes at its start")
	case "hang":
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM)
		<-ended
		return
	}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/slow", slow)
	http.HandleFunc("/upload", upload)
	http.HandleFunc("/ws", webSocket)
	// without a line in the log
	http.HandleFunc("/load", hello)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		log.Printf("%s %s client=%s", r.Method, r.URL, r.Header.Get("X-Forwarded-For"))
		hello(w, r)
	})
	server := &http.Server{Addr: ":8080"}
	drained := make(chan struct{})
	go func() {
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM)
		<-ended
		bound, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Shutdown(bound); err != nil {
			log.Print(err)
		}
		close(drained)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-drained
}

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Hello from %s\n\n%s %s\n", os.Getenv("HOSTNAME"), r.Method, r.URL)
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto"} {
		fmt.Fprintf(w, "%s: %s\n", name, r.Header.Get(name))
	}
}

// slow sends so many bytes over so many milliseconds.
func slow(w http.ResponseWriter, r *http.Request) {
	bytes, ms := number(r, "bytes"), number(r, "ms")
	const pieces = 100
	w.Header().Set("Content-Length", strconv.Itoa(bytes))
	for i := range pieces {
		if _, err := w.Write(make([]byte, bytes*(i+1)/pieces-bytes*i/pieces)); err != nil {
			return
		}
		http.NewResponseController(w).Flush()
		time.Sleep(time.Duration(ms) * time.Millisecond / pieces)
	}
}

// upload tells how many bytes came.
func upload(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, n)
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return n
}

// webSocket says every frame back, until the other side goes (RFC 6455).
func webSocket(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		http.Error(w, "this is for a WebSocket", http.StatusUpgradeRequired)
		return
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer connection.Close()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	for {
		frame, err := readFrame(buffered.Reader)
		if err != nil {
			return
		}
		if _, err := connection.Write(frame); err != nil || frame[0]&15 == 8 {
			return
		}
	}
}

// readFrame gives a client's frame as the server sends it back: without a mask.
func readFrame(from *bufio.Reader) ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	size := int(head[1] & 127)
	if head[1]&128 == 0 || size > 126 {
		return nil, fmt.Errorf("a frame that this app does not take")
	}
	answer := []byte{head[0], byte(size)}
	if size == 126 {
		var long uint16
		if err := binary.Read(from, binary.BigEndian, &long); err != nil {
			return nil, err
		}
		size = int(long)
		answer = binary.BigEndian.AppendUint16(answer, long)
	}
	masked := make([]byte, 4+size)
	if _, err := io.ReadFull(from, masked); err != nil {
		return nil, err
	}
	for i, b := range masked[4:] {
		answer = append(answer, b^masked[i%4])
	}
	return answer, nil
}
