package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const patience = 10 * time.Second

// client is one connection and what came of it. It writes and reads by itself, since net/http's client would cost
// about as much CPU as the servers that it is to load.
type client struct {
	connection net.Conn
	reader     *bufio.Reader
	request    *http.Request
	bytes      []byte

	took      []time.Duration
	bodyBytes int64
	failure   error
}

func dial(request *http.Request) (*client, error) {
	connection, err := net.DialTimeout("tcp", request.URL.Host, patience)
	if err != nil {
		return nil, err
	}
	var written bytes.Buffer
	if err := request.Write(&written); err != nil {
		return nil, err
	}
	reader := bufio.NewReaderSize(connection, 64*1024)
	return &client{connection: connection, reader: reader, request: request, bytes: written.Bytes()}, nil
}

// askInTurn asks until no turn is left, or a request fails.
func (c *client) askInTurn(turns <-chan struct{}) {
	for range turns {
		start := time.Now()
		if c.bodyBytes, c.failure = c.ask(); c.failure != nil {
			return
		}
		c.took = append(c.took, time.Since(start))
	}
}

// ask returns the body's length; an answer other than 200 is an error.
func (c *client) ask() (int64, error) {
	if err := c.connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := c.connection.Write(c.bytes); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(c.reader, c.request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return 0, fmt.Errorf("%s: %s: %s", c.request.URL, response.Status, text)
	}
	return io.Copy(io.Discard, response.Body)
}
