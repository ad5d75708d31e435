package callers

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"stave/tests/kit"
)

// ociImage packs a rootfs as an image layout of one layer and writes it as a
// tar, the form that `ctr image import` reads.
func ociImage(t *testing.T, rootfs, name string) string {
	t.Helper()
	layer := pack(t, rootfs)
	blobs := map[string][]byte{}
	add := func(mediaType string, data []byte) map[string]any {
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		blobs["blobs/sha256/"+sum] = data
		return map[string]any{"mediaType": mediaType, "digest": "sha256:" + sum, "size": len(data)}
	}
	marshal := func(v any) []byte {
		data, err := json.Marshal(v)
		kit.Must(t, err)
		return data
	}
	const kind = "application/vnd.oci.image."
	layerDesc := add(kind+"layer.v1.tar", layer)
	config := add(kind+"config.v1+json", marshal(map[string]any{
		"architecture": "amd64", "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=/bin", "FROM=image"}, "Cmd": []string{"/bin/sh"}, "WorkingDir": "/"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{layerDesc["digest"]}},
	}))
	manifest := add(kind+"manifest.v1+json", marshal(map[string]any{"schemaVersion": 2,
		"mediaType": kind + "manifest.v1+json", "config": config, "layers": []any{layerDesc}}))
	manifest["annotations"] = map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "latest"}
	blobs["index.json"] = marshal(map[string]any{"schemaVersion": 2, "manifests": []any{manifest}})
	blobs["oci-layout"] = []byte(`{"imageLayoutVersion":"1.0.0"}`)

	to := filepath.Join(kit.Dir(t), "image.tar")
	file, err := os.Create(to)
	kit.Must(t, err)
	w := tar.NewWriter(file)
	for path, data := range blobs {
		kit.Must(t, w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(data))}))
		_, err := w.Write(data)
		kit.Must(t, err)
	}
	kit.Must(t, w.Close())
	kit.Must(t, file.Close())
	return to
}

// pack makes a tar of a directory.
func pack(t *testing.T, dir string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	kit.Must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		head, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		if head.Name, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		if err := w.WriteHeader(head); err != nil || !info.Mode().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	}))
	kit.Must(t, w.Close())
	return buf.Bytes()
}
