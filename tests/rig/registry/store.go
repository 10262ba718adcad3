package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

var quiet = log.New(io.Discard, "", 0)

// newRegistry is a registry in memory with the archives' images in it.
func newRegistry(images []string) (http.Handler, error) {
	r := registry.New(registry.Logger(quiet))
	for _, word := range images {
		archive, name, _ := strings.Cut(word, "=")
		repo, tag, ok := strings.Cut(name, ":")
		if !ok {
			return nil, fmt.Errorf("--image %s: not ARCHIVE=REPO:TAG", word)
		}
		image, err := tarball.ImageFromPath(archive, nil)
		if err != nil {
			return nil, err
		}
		if err := push(r, repo, tag, image); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	return r, nil
}

// push makes the requests that a client makes.
func push(r http.Handler, repo, tag string, image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		content, err := l.Compressed()
		if err != nil {
			return err
		}
		if err := put(r, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+digest.String(), "", content); err != nil {
			return err
		}
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	digest, err := image.ConfigName()
	if err != nil {
		return err
	}
	if err := put(r, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+digest.String(), "", bytes.NewReader(config)); err != nil {
		return err
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return err
	}
	kind, err := image.MediaType()
	if err != nil {
		return err
	}
	return put(r, "PUT", "/v2/"+repo+"/manifests/"+tag, string(kind), bytes.NewReader(manifest))
}

func put(r http.Handler, method, path, kind string, body io.Reader) error {
	q := httptest.NewRequest(method, path, body)
	if kind != "" {
		q.Header.Set("Content-Type", kind)
	}
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, q)
	if answer.Code != http.StatusCreated {
		return fmt.Errorf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return nil
}

func logged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		h.ServeHTTP(w, r)
	})
}
